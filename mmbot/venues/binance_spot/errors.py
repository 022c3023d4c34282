"""Error codes of spot that mean more than "refused"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmbot.venues.binance.errors import COMMON_CODES, Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

CODES: Mapping[int, Outcome] = {
    **COMMON_CODES,
    -2038: Outcome.REFUSED,  # ORDER_AMEND_REJECTED
    -2039: Outcome.GONE,  # client order id and order id do not belong together
}
