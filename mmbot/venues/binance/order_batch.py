"""New orders that fall back to REST in one turn of the event loop leave in one request, five at a time.

USD-M "Place Multiple Orders": ``POST /fapi/v1/batchOrders``, at most five, answered by a list with an order or an error
for each, in the order of the request. Spot has no such call.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from mmbot._core.types import CommandView

MAX_BATCH = 5
BATCH_WEIGHT = 5


class OrderBatch:
    """Collects commands until the loop's next turn.

    Args:
        send: takes the commands of one request, one to `MAX_BATCH`.
    """

    def __init__(self, send: Callable[[list[CommandView]], object]) -> None:
        self._send = send
        self._loop = asyncio.get_running_loop()
        self._waiting: list[CommandView] = []

    def add(self, command: CommandView) -> None:
        """Send `command` with whatever else is added before the loop turns."""
        if not self._waiting:
            self._loop.call_soon(self._flush)
        self._waiting.append(command)

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        for start in range(0, len(waiting), MAX_BATCH):
            self._send(waiting[start : start + MAX_BATCH])
