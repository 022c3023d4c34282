"""What the ledger knows: totals, positions, and where a restart goes on."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Context, Decimal, Inexact, InvalidOperation, localcontext
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from mmbot.ledger.models import Fill, Funding, Session

if TYPE_CHECKING:
    from sqlalchemy import Engine

ZERO = Decimal(0)
EXACT = Context(prec=200, traps=[Inexact, InvalidOperation])  # a sum that had to be rounded is an error


@dataclass
class SymbolTotals:
    """Exact sums over a symbol: quantities in base units, notionals in the quote asset, fees and funding by asset."""

    fills: int = 0
    bought: Decimal = ZERO
    sold: Decimal = ZERO
    bought_notional: Decimal = ZERO
    sold_notional: Decimal = ZERO
    fees: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    funding: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))

    @property
    def position(self) -> Decimal:
        """Bought less sold."""
        return EXACT.subtract(self.bought, self.sold)

    @property
    def cash(self) -> Decimal:
        """Quote asset received less paid, fees and funding apart."""
        return EXACT.subtract(self.sold_notional, self.bought_notional)


class Ledger:
    """Reads the ledger.

    Args:
        engine: from `open_database`.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def totals(self, session_id: str | None = None) -> dict[tuple[str, str], SymbolTotals]:
        """Sums by (venue, symbol), of one session or of all. Funding belongs to no session: it is left out for one."""
        totals: defaultdict[tuple[str, str], SymbolTotals] = defaultdict(SymbolTotals)
        columns = select(Fill.venue, Fill.symbol, Fill.side, Fill.qty, Fill.notional, Fill.fee, Fill.fee_asset)
        if session_id is not None:
            columns = columns.where(Fill.session_id == session_id)
        with localcontext(EXACT), self._engine.connect() as connection:
            # Summed here: no database adds decimals kept as text exactly.
            rows = connection.execute(columns.execution_options(yield_per=1000))
            for venue, symbol, side, qty, notional, fee, fee_asset in rows:
                total = totals[venue, symbol]
                total.fills += 1
                total.fees[fee_asset] += fee
                if side == "BUY":
                    total.bought += qty
                    total.bought_notional += notional
                else:
                    total.sold += qty
                    total.sold_notional += notional
            if session_id is None:
                for row in connection.execute(select(Funding.venue, Funding.symbol, Funding.asset, Funding.amount)):
                    totals[row.venue, row.symbol].funding[row.asset] += row.amount
        return dict(totals)

    def positions(self) -> dict[tuple[str, str], Decimal]:
        """Position by (venue, symbol) from every fill ever recorded."""
        return {key: total.position for key, total in self.totals().items()}

    def recent_trades(self, venue: str, symbol: str, limit: int = 65_536) -> list[tuple[str, int]]:
        """(side, trade id) of the latest fills, oldest first: what the engine must not count again."""
        latest = (
            select(Fill.side, Fill.trade_id)
            .where(Fill.venue == venue, Fill.symbol == symbol)
            .order_by(Fill.exch_ts_ns.desc(), Fill.id.desc())
            .limit(limit)
        )
        with self._engine.connect() as connection:
            return [(row.side, row.trade_id) for row in connection.execute(latest)][::-1]

    def resume_ns(self, venue: str, symbol: str, overlap_ns: int = 600_000_000_000) -> int:
        """The time from which the venue must be asked for fills after a restart; 0: there were none.

        Not simply the latest: fills may have come out of order before a crash. Those inside the overlap that are known
        are recorded only once.
        """
        latest = select(func.max(Fill.exch_ts_ns)).where(Fill.venue == venue, Fill.symbol == symbol)
        with self._engine.connect() as connection:
            found = connection.execute(latest).scalar()
        return 0 if found is None else max(0, int(found) - overlap_ns)

    def unfinished_ns(self, bot: str, before_ns: int) -> int:
        """When the first of a bot's sessions began that were killed since its last good end; 0: none was.

        Args:
            bot: its name.
            before_ns: sessions that began at this time or later do not count.
        """
        sessions = select(func.min(Session.started_ns)).where(Session.bot == bot, Session.started_ns < before_ns)
        ended = select(func.max(Session.started_ns)).where(Session.bot == bot, Session.ended_ns.is_not(None))
        with self._engine.connect() as connection:
            last_ns = connection.execute(ended).scalar() or 0
            found = connection.execute(sessions.where(Session.started_ns > last_ns)).scalar()
        return int(found or 0)
