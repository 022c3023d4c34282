"""Listen keys: the ticket to the user data stream, valid for an hour unless kept alive.

Docs: "Start User Data Stream", "Keepalive User Data Stream".
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from mmbot.errors import AuthError, VenueError
from mmbot.venues.binance_usdm.errors import NO_SUCH_LISTEN_KEY

if TYPE_CHECKING:
    from collections.abc import Callable

    from mmbot.venues.binance_usdm.rest import UsdmRest

_log = structlog.get_logger(__name__)
_KEEP_ALIVE_S = 1200.0
_RETRY_S = 20.0


class ListenKey:
    """Gets a key for each connection of the user stream and keeps it alive.

    Args:
        rest: the account's REST side.
        base: base URL of the streams.
        routed: the private path is ``/private/ws?listenKey=``, else ``/ws/<key>``.
        lost: called when the venue no longer knows the key.
    """

    def __init__(self, rest: UsdmRest, base: str, lost: Callable[[str], object], *, routed: bool) -> None:
        self._rest = rest
        self._base = base.rstrip("/")
        self._routed = routed
        self._lost = lost

    async def address(self) -> str:
        """Get a key, new or extended, and the URL that takes it."""
        key = await self._rest.start_listen_key()
        return f"{self._base}/private/ws?listenKey={key}" if self._routed else f"{self._base}/ws/{key}"

    async def keep_alive(self) -> None:
        """Extend the key's life every 20 minutes; runs until cancelled."""
        wait_s = _KEEP_ALIVE_S
        while True:
            await asyncio.sleep(wait_s)
            wait_s = _RETRY_S
            try:
                await self._rest.extend_listen_key()
                wait_s = _KEEP_ALIVE_S
            except AuthError:
                raise
            except VenueError as error:
                _log.warning("listen key not extended", error=str(error))
                if error.code == NO_SUCH_LISTEN_KEY:
                    self._lost("the listen key is gone")
                    wait_s = _KEEP_ALIVE_S
