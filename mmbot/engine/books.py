"""A bot's memory across runs: the ledger of fills, and what was held before the bot began.

With real venues the ledger is the bot's own, ``<journal.dir>/<bot>/ledger.db``, so that the next run goes on where this
one ended, however it ended. The embedded exchange forgets everything at its end: its ledger lies in the run's folder.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from mmbot._core.position import Position
from mmbot._core.types import Instrument, OrderState, Purpose
from mmbot.assembly import Restored
from mmbot.engine.inbox import SAME_FUNDING_NS
from mmbot.errors import JournalError
from mmbot.ledger import Ledger, LedgerWriter, open_database
from mmbot.ledger.models import Balance, Fill, Funding, Order, Session

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mmbot._core.engine import Engine
    from mmbot._core.strategy import Fill as CoreFill
    from mmbot.assembly import Assembly
    from mmbot.config import Config

SIDES = ("BUY", "SELL")
E8 = Decimal(10) ** -8
OVERLAP_NS = 600_000_000_000
LOOK_BACK_NS = 86_400_000_000_000


class Books:
    """Reads what earlier runs left, writes what this one does.

    Args:
        config: of the bot.
        run_dir: folder of this run.
    """

    def __init__(self, config: Config, run_dir: Path) -> None:
        self._config = config
        self._passing = any(venue.endpoint == "sim" for venue in config.venues.values())
        folder = run_dir if self._passing else run_dir.parent
        self._baseline_file = folder / "baselines.json"
        url = config.journal.ledger or f"sqlite:///{folder / 'ledger.db'}"
        self._database = open_database(url)
        self._ledger = Ledger(self._database)
        self._writer = LedgerWriter(self._database)
        self._writer.start()
        self._baselines: dict[str, int] = {}
        self._session_id = ""

    # --- at the start ------------------------------------------------------------------------------------------------

    def remembered(self, instruments: Mapping[str, dict[str, Any]]) -> dict[str, Restored]:
        """What earlier runs left of each market; nothing with the embedded exchange."""
        if self._passing:
            return {}
        if self._baseline_file.is_file():
            self._baselines = json.loads(self._baseline_file.read_text(encoding="utf-8"))
        return {
            name: restored
            for name, fields in instruments.items()
            if (restored := self._market(name, Instrument(**fields))) is not None
        }

    def _market(self, name: str, instrument: Instrument) -> Restored | None:
        baseline = self._baselines.get(name)
        venue = self._config.markets[name].venue
        position, base_fees = Position(instrument), Decimal(0)
        tick, lot = Decimal(instrument.tick_size), Decimal(instrument.lot_size) * Decimal(instrument.contract_size)
        columns = select(Fill.side, Fill.price, Fill.qty, Fill.fee, Fill.fee_asset).where(
            Fill.venue == venue, Fill.symbol == instrument.symbol
        )
        with self._database.connect() as connection:
            for side, price, qty, fee, asset in connection.execute(columns.order_by(Fill.exch_ts_ns, Fill.id)):
                position.fill(SIDES.index(side), int(price / tick), int(qty / lot))
                if asset == instrument.base_asset and asset != instrument.settle_asset:
                    base_fees += fee
        trades = self._ledger.recent_trades(venue, instrument.symbol)
        if not trades and baseline is None:
            return None
        entry = position.entry_price
        return Restored(
            lots=position.lots,
            entry_price="0" if entry is None else format(entry, "f"),
            base_fees_e8=int(base_fees / E8),
            baseline_e8=baseline if not instrument.perpetual or trades else None,
            trade_ids=[(SIDES.index(side), trade_id) for side, trade_id in trades],
        )

    def since_ns(self, session: int) -> int:
        """From when on a venue must be asked for fills.

        Before the last known one of each market. Where none is known, the start of the session that was killed before
        it had written one, a day ago at most; without such a session the start of this one.
        """
        start_ns = session * 1_000_000
        if self._passing:
            return start_ns - OVERLAP_NS
        killed_ns = self._ledger.unfinished_ns(self._config.bot.name, start_ns)
        unknown_ns = max(killed_ns, start_ns - LOOK_BACK_NS) if killed_ns else start_ns
        return min(
            self._ledger.resume_ns(market.venue, market.symbol, OVERLAP_NS) or unknown_ns
            for market in self._config.markets.values()
        )

    # --- while it runs -----------------------------------------------------------------------------------------------

    def open_session(self, assembly: Assembly, session: int) -> None:
        """Record that a run began."""
        self._assembly = assembly
        self._session_id = f"{self._config.bot.name}-{session}"
        mode = "live" if self._config.live else "paper"
        self._writer.record(
            Session(id=self._session_id, bot=self._config.bot.name, mode=mode, started_ns=session * 1_000_000)
        )

    def record_fills(self, fills: list[CoreFill]) -> None:
        """Put executions into the ledger.

        Raises:
            JournalError: the ledger cannot be written.
        """
        for fill in fills:
            market = self._assembly.engine.markets[fill.market]
            instrument = market.instrument
            price = Decimal(instrument.tick_size) * fill.price_ticks
            qty = Decimal(instrument.lot_size) * Decimal(instrument.contract_size) * fill.qty_lots
            self._writer.record(
                Fill(
                    venue=self._config.markets[market.id].venue, symbol=instrument.symbol, trade_id=fill.trade_id,
                    side=SIDES[fill.side], price=price, qty=qty,
                    notional=qty / price if instrument.inverse else price * qty,
                    fee=fill.fee_e8 * E8, fee_asset=self._assembly.assets[fill.fee_asset], maker=fill.maker,
                    purpose=Purpose(fill.purpose).name.lower(), session_id=self._session_id,
                    order_num=fill.order_num, venue_order_id=fill.venue_order_id,
                    exch_ts_ns=fill.ts_ns, recv_ts_ns=time.time_ns(),
                )
            )  # fmt: skip

    def record_orders(self, orders: list[dict[str, int]]) -> None:
        """Put orders that have ended into the ledger, as last known.

        Raises:
            JournalError: the ledger cannot be written.
        """
        for order in orders:
            market = self._assembly.engine.markets[order["market"]]
            instrument = market.instrument
            lot = Decimal(instrument.lot_size) * Decimal(instrument.contract_size)
            self._writer.record(
                Order(
                    session_id=self._session_id, order_num=order["num"], venue=self._config.markets[market.id].venue,
                    symbol=instrument.symbol, venue_order_id=order["venue_order_id"], side=SIDES[order["side"]],
                    purpose=Purpose(order["purpose"]).name.lower(), state=OrderState(order["state"]).name.lower(),
                    price=Decimal(instrument.tick_size) * order["price_ticks"], qty=lot * order["qty_lots"],
                    filled=lot * order["filled_lots"], reason=order["reason"], created_ns=order["created_ns"],
                    updated_ns=order["last_update_ns"],
                )
            )  # fmt: skip

    def record_balance(self, venue: int, asset: int, wallet_e8: int, ts_ns: int) -> None:
        """Put a wallet as a venue stated it into the ledger.

        Raises:
            JournalError: the ledger cannot be written.
        """
        self._writer.record(
            Balance(
                venue=self._assembly.venue_ids[venue], asset=self._assembly.assets[asset], ts_ns=ts_ns,
                wallet=wallet_e8 * E8,
            )
        )  # fmt: skip

    def record_funding(self, market: int, amount_e8: int, asset: int, ts_ns: int) -> None:
        """Put a funding payment into the ledger.

        Raises:
            JournalError: the ledger cannot be written.
        """
        known = self._assembly.engine.markets[market] if market >= 0 else None
        self._writer.record(
            Funding(
                venue=self._config.markets[known.id].venue if known else "",
                symbol=known.instrument.symbol if known else "",
                ts_ns=ts_ns, asset=self._assembly.assets[asset], amount=amount_e8 * E8,
            )
        )  # fmt: skip

    def record_earlier_funding(self, market: int, amount_e8: int, asset: int, ts_ns: int) -> None:
        """Put a payment of the time before this run into the ledger, unless an earlier run has: its stamp may differ.

        Raises:
            JournalError: the ledger cannot be written.
        """
        known = self._assembly.engine.markets[market]
        near = select(Funding.amount).where(
            Funding.venue == self._config.markets[known.id].venue, Funding.symbol == known.instrument.symbol,
            Funding.ts_ns.between(ts_ns - SAME_FUNDING_NS, ts_ns + SAME_FUNDING_NS),
        )  # fmt: skip
        with self._database.connect() as connection:
            if amount_e8 * E8 in connection.execute(near).scalars().all():
                return
        self.record_funding(market, amount_e8, asset, ts_ns)

    @property
    def failure(self) -> JournalError | None:
        """Why the ledger cannot be written any more; None while it can."""
        return self._writer.failure

    async def keep_baselines(self, engine: Engine) -> None:
        """Write down what was held before the bot began, as soon as it is known; the disk's time is a thread's.

        Raises:
            JournalError: it cannot be written.
        """
        if self._learn_baselines(engine):
            await asyncio.to_thread(self._write_baselines)

    def _learn_baselines(self, engine: Engine) -> bool:
        ids = [m.id for m in engine.markets]
        found = {ids[i]: amount for i, amount in engine.reconciler.baselines().items()}
        fresh = found != self._baselines
        self._baselines = found
        return fresh

    def _write_baselines(self) -> None:
        temporary = self._baseline_file.with_suffix(".tmp")
        try:
            with temporary.open("w", encoding="utf-8") as file:
                json.dump(self._baselines, file)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self._baseline_file)
        except OSError as error:
            raise JournalError(f"{self._baseline_file}: cannot be written: {error}") from error

    # --- at the end --------------------------------------------------------------------------------------------------

    def close_session(self, engine: Engine, reason: str) -> None:
        """Record that the run ended.

        Raises:
            JournalError: it could not be written.
        """
        if self._learn_baselines(engine):
            self._write_baselines()
        self._writer.record(
            Session(
                id=self._session_id, bot=self._config.bot.name, mode="live" if self._config.live else "paper",
                started_ns=int(self._session_id.rpartition("-")[2]) * 1_000_000, ended_ns=time.time_ns(),
                exit_reason=reason,
            )
        )  # fmt: skip

    def close(self) -> None:
        """Write the rest and close the database.

        Raises:
            JournalError: it could not be written.
        """
        try:
            self._writer.stop()
        finally:
            self._database.dispose()
