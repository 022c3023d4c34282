"""Subscribing to account events over the websocket API, as spot does since listen keys are being retired.

Docs: ``web-socket-api.md`` "Subscribe to User Data Stream through signature subscription".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmbot.venues.binance.auth import Signer

REQUEST_ID = "user-stream"


def subscription(signer: Signer, now_ms: int) -> bytes:
    """Make the signed request; its answer has the id `REQUEST_ID`."""
    return signer.message(REQUEST_ID, "userDataStream.subscribe.signature", {}, now_ms)
