"""Error codes of USD-M futures that mean more than "refused"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmbot.venues.binance.errors import COMMON_CODES, Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

MARGIN_TYPE_UNCHANGED = -4046
POSITION_MODE_UNCHANGED = -4059
NO_SUCH_LISTEN_KEY = -1125

CODES: Mapping[int, Outcome] = {
    **COMMON_CODES,
    -4116: Outcome.UNKNOWN,  # DUPLICATED_CLIENT_ORDER_ID: an order of that id is there: query which
    MARGIN_TYPE_UNCHANGED: Outcome.UNCHANGED,
    POSITION_MODE_UNCHANGED: Outcome.UNCHANGED,
    -5027: Outcome.UNCHANGED,  # NO_NEED_TO_MODIFY
    -5028: Outcome.CLOCK,  # ME_RECVWINDOW_REJECT
}
