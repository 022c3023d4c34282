"""A live or paper run as report data: its journal goes through a fresh engine with a blotter attached."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from mmbot._core.blotter import Blotter
from mmbot._core.eventlog import EventKind
from mmbot._core.types import CommandKind, CommandView, OrderEvent, OrderEventKind, OrderState, Owner
from mmbot.engine.replay import replay
from mmbot.report.run import MarketFacts, RunData, read_summary

if TYPE_CHECKING:
    from pathlib import Path

    from mmbot._core.engine import Engine
    from mmbot.journal import Record

_GRIDS = ((3600.0, 100_000_000), (12 * 3600.0, 500_000_000))
_COARSE_NS = 1_000_000_000


class JournalWatch:
    """Tells a blotter what a journal says, while it is replayed.

    Args:
        engine: the engine that the replay drives.
        state_every_ns: distance of state rows.
    """

    def __init__(self, engine: Engine, state_every_ns: int) -> None:
        self.engine = engine
        self.blotter = Blotter(engine, state_every_ns)

    def before(self, event: Record) -> None:
        """An event is about to be entered."""
        self.blotter.before(event.ts_ns)

    def after(self, event: Record, commands: list[bytes]) -> None:
        """It was; `commands` are what the engine answered when the journal was written."""
        self.blotter.after()
        if event.kind == EventKind.ORDER:
            self._order(OrderEvent.from_raw(event.body).as_dict(), event.ts_ns)
        for raw in commands:
            command = CommandView.from_raw(raw)
            if command.kind == CommandKind.PLACE:
                self.blotter.order_placed(
                    command.order_num, command.market, command.side, command.purpose, command.time_in_force,
                    command.price_ticks, command.qty_lots, command.ts_ns,
                )  # fmt: skip

    def _order(self, update: dict[str, int], ts_ns: int) -> None:
        if update["owner"] == Owner.OTHER:
            return
        table, num = self.engine.execution.table, update["order_num"]
        slot = table.find(num) if num else table.find_venue(update["market"], update["venue_order_id"])
        if slot < 0:
            return
        order = table.order(slot)
        num = order["num"]
        if update["kind"] == OrderEventKind.ACK:
            self.blotter.order_arrived(num, update["exch_ts_ns"])
        if update["kind"] == OrderEventKind.AMEND:
            self.blotter.order_amended(num, order["price_ticks"], order["qty_lots"])
        if order["state"] >= OrderState.FILLED:
            self.blotter.order_ended(num, order["state"], order["filled_lots"], ts_ns)


def load_journal(path: Path) -> RunData:
    """Replay the journal of the run's folder `path` (or the journal's own folder).

    A journal whose replay differs from what was recorded is reported up to there, and a remark says so; a torn tail
    is left out.

    Raises:
        JournalError: it holds no session, or is damaged.
        ReportError: the summary beside it is not one.
    """
    folder = path / "journal" if (path / "journal").is_dir() else path
    summary = read_summary(folder.parent)
    watches: list[JournalWatch] = []

    def watch(engine: Engine) -> JournalWatch:
        watches.append(JournalWatch(engine, _grid_ns(summary)))
        return watches[-1]

    result = replay(folder, watch)
    assembly = result.assembly
    config: dict[str, Any] = assembly.spec.config
    markets = [MarketFacts(m.index, m.id, m.instrument, m.maker) for m in assembly.engine.markets]
    remarks = []
    if result.difference is not None:
        remarks.append(
            f"The replay answers otherwise than the session did from event {result.difference.event} on; "
            "everything here ends there."
        )
    if result.torn_bytes:
        remarks.append(f"The journal's end is torn: {result.torn_bytes} bytes are left out.")
    if not result.stopped_in_order:
        remarks.append("The session did not stop in good order.")
    return RunData(
        path=path,
        bot=assembly.config.bot.name,
        mode=_mode(config),
        markets=markets,
        assets=list(assembly.assets),
        summary=summary,
        config=config,
        remarks=remarks,
        **watches[0].blotter.arrays(),
    )


def _grid_ns(summary: dict[str, Any]) -> int:
    """Finer states for a shorter run."""
    try:
        began, ended = (datetime.fromisoformat(summary[key]) for key in ("started", "ended"))
    except (KeyError, TypeError, ValueError):
        return _COARSE_NS
    span_s = (ended - began).total_seconds()
    return next((grid_ns for longest_s, grid_ns in _GRIDS if span_s <= longest_s), _COARSE_NS)


def _mode(config: dict[str, Any]) -> str:
    endpoints = {str(venue.get("endpoint")) for venue in config.get("venues", {}).values()}
    if "live" in endpoints:
        return "live"
    return "testnet" if "testnet" in endpoints else "paper"
