"""What of a session's events goes to the ledger, once the core has dealt with them and its commands have left."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from mmbot._core.types import Purpose
from mmbot.errors import JournalError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mmbot._core.strategy import Fill
    from mmbot.assembly import Assembly
    from mmbot.engine.books import Books

_log = structlog.get_logger(__name__)


class Bookkeeper:
    """Enters into the books what the inbox tells.

    Args:
        books: the ledger.
        assembly: the engine and its names.
        failed: called when the ledger cannot be written any more. Nothing is raised: it would go up into a socket's
            callback, which would take it for a broken connection.
    """

    def __init__(self, books: Books, assembly: Assembly, failed: Callable[[JournalError], None]) -> None:
        self._books, self._assembly, self._failed = books, assembly, failed

    def fills(self, fills: list[Fill]) -> None:
        """Orders of ours were filled."""
        try:
            self._books.record_fills(fills)
        except JournalError as error:
            self._failed(error)
        for fill in fills:
            market = self._assembly.engine.markets[fill.market]
            _log.info(
                "fill",
                market=market.id,
                side="sell" if fill.side else "buy",
                qty=f"{market.qty(fill.qty_lots):.10g}",
                price=f"{market.price(fill.price_ticks):.10g}",
                purpose=Purpose(fill.purpose).name.lower(),
                trade_id=fill.trade_id,
            )

    def ended(self, orders: list[dict[str, int]]) -> None:
        """Orders of ours have ended."""
        try:
            self._books.record_orders(orders)
        except JournalError as error:
            self._failed(error)

    def funding(self, market: int, amount_e8: int, asset: int, ts_ns: int) -> None:
        """Funding was received (> 0) or paid."""
        try:
            self._books.record_funding(market, amount_e8, asset, ts_ns)
        except JournalError as error:
            self._failed(error)

    def balance(self, venue: int, asset: int, wallet_e8: int, ts_ns: int) -> None:
        """A venue stated a wallet."""
        try:
            self._books.record_balance(venue, asset, wallet_e8, ts_ns)
        except JournalError as error:
            self._failed(error)
