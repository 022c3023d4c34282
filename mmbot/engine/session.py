"""One run of one bot: everything that has a life, started and ended in the right order.

::

    async with Session(config, run_dir) as session:     # exchange, venues, engine, journal; nothing is sent yet
        reason = await session.run(duration_s=60)       # trades until a stop; cancels, confirms, closes
    session.summary()
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

import structlog

from mmbot import __version__
from mmbot._core.limits import Cause, RiskLevel
from mmbot.assembly import Assembly, PluginSpec, Spec, assemble, instrument_fields
from mmbot.engine.bookkeeping import Bookkeeper
from mmbot.engine.books import Books
from mmbot.engine.connect import connect_all, patiently, start_all
from mmbot.engine.embedded import embedded_exchange
from mmbot.engine.inbox import Inbox, VenueSink, encode
from mmbot.engine.reconciliation import Reconciliation
from mmbot.engine.slowness import Slowness
from mmbot.engine.summary import summarise
from mmbot.engine.swapping import Swapper
from mmbot.errors import ConfigError, JournalError, RiskHalt, Stopped, VenueError
from mmbot.journal import JournalWriter
from mmbot.plugins import load

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path
    from types import TracebackType

    from mmbot.config import Config
    from mmbot.plugins import Plugin
    from mmbot.sim.server import SimServer
    from mmbot.venues.base import Venue

_log = structlog.get_logger("mmbot.session")
SETTLE_S = 0.02
BASELINES_S = 0.05
CLOCK_STEP_NS = 1_000_000


class Session:
    """Owns exchange, venues, engine, journal and tasks of a run.

    Args:
        config: the checked config.
        run_dir: the run's folder, which exists.

    Attributes:
        begun: whether there is an engine; before that only `stop` and what the config says can be used.
    """

    def __init__(self, config: Config, run_dir: Path) -> None:
        self.config = config
        self.run_dir = run_dir
        self.started = datetime.now(UTC)
        self.number = time.time_ns() // 1_000_000
        self.exit_reason = ""
        self.paused: set[str] = set()
        self.state = "starting"
        self.reconciled = False
        self.server: SimServer | None = None
        self.venues: list[Venue] = []
        self._stack = contextlib.AsyncExitStack()
        self._stop = asyncio.Event()
        self._failure: JournalError | None = None
        self._flatten_on_stop = config.bot.flatten_on_stop
        self._halted_by = ""
        self._begun_ns = time.monotonic_ns()
        self._offsets = [0] * len(config.venues)
        self.begun = False

    # --- setting up --------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        """Start the embedded exchange, open the venues, build the engine.

        Raises:
            Stopped: `stop` was called meanwhile.
            MmbotError: config, plugin, venue or journal are not as they should be; everything opened is closed again.
        """
        try:
            self.begun = await self._before_stop(self._set_up())
        except BaseException:
            await self._give_up()
            raise
        if not self.begun:
            await self._give_up()
            raise Stopped(f"stopped before anything was sent: {self.exit_reason}")
        return self

    async def _give_up(self) -> None:
        self.state = "stopped"
        await self._stack.aclose()

    async def _set_up(self) -> None:
        config = self.config
        plugin = self.load_plugin(config.strategy.id)
        params = plugin.params(config.strategy.params)
        if any(venue.endpoint == "sim" for venue in config.venues.values()):
            self.server = await self._stack.enter_async_context(embedded_exchange(config))
        self.venues = connect_all(config, self.server, self.number)
        instruments: dict[str, dict[str, Any]] = {}
        margin: dict[str, list[tuple[str, str]]] = {}
        for name, venue in zip(config.venues, self.venues, strict=True):
            self._stack.push_async_callback(venue.stop, cancel=False)
            await patiently(venue.name, venue.open)
            markets = [m for m, market in config.markets.items() if market.venue == name]
            symbols = [config.markets[m].symbol for m in markets]
            found = await patiently(venue.name, functools.partial(venue.instruments, symbols))
            instruments |= {m: instrument_fields(i) for m, i in zip(markets, found, strict=True)}
            tiers = await patiently(venue.name, functools.partial(venue.margin_tiers, found))
            margin |= {m: t for m, t in zip(markets, tiers, strict=True) if t}
        self.books = Books(config, self.run_dir)
        self._stack.callback(self.books.close)
        spec = Spec(
            config=config.effective(),
            instruments={m: instruments[m] for m in config.markets},
            feeds=[i for i, venue in enumerate(self.venues) for _ in venue.feed_names],
            plugin=PluginSpec.of(plugin, params),
            session=self.number,
            version=__version__,
            restored=self.books.remembered(instruments),
            margin=margin,
        )
        self.journal = JournalWriter(
            self.run_dir / "journal",
            ring_bytes=1 << ((config.journal.ring_mb << 20) - 1).bit_length(),
            segment_bytes=config.journal.segment_mb << 20,
            fsync_ms=config.journal.fsync_ms,
        )
        self.journal.start()
        self._stack.callback(self.journal.stop)
        self.assembly: Assembly = assemble(spec, ring=self.journal.ring, plugin=plugin)
        self.engine = self.assembly.engine
        self.inbox = Inbox(self.assembly, self.venues, Bookkeeper(self.books, self.assembly, self._fail))
        self._slowness = Slowness(self.engine.latency)
        self.swapper = Swapper(self.assembly, self.inbox, self.load_plugin)
        self.books.open_session(self.assembly, self.number)
        self._bind()
        self.reconciliation = Reconciliation(
            self.inbox, self.venues, self.books.since_ns(self.number), config.bot.reconcile_s,
            self.books.record_earlier_funding,
        )  # fmt: skip

    def _bind(self) -> None:
        feed = 0
        for index, (name, venue) in enumerate(zip(self.config.venues, self.venues, strict=True)):
            markets = {m.index: m.instrument for m in self.engine.markets if self.config.markets[m.id].venue == name}
            venue.latency = self.engine.latency
            venue.bind(VenueSink(self.inbox, index), markets, first_feed=feed)
            feed += len(venue.feed_names)

    def load_plugin(self, name: str) -> Plugin:
        """Find and load a strategy by what a config or an operator calls it."""
        return load(name, self.config.strategy_folders)

    # --- running -----------------------------------------------------------------------------------------------------

    async def run(self, duration_s: float | None = None) -> str:
        """Trade until stopped, for `duration_s`, or until a limit or a venue ends it; returns the reason.

        Raises:
            RiskHalt: a risk limit stopped the bot.
            VenueError: a venue cannot be used any more.
            JournalError: the ledger cannot be written.
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                owned: list[asyncio.Task[None]] = []
                if await self._before_stop(self._connect(tasks, owned)):
                    self.state = "running"
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(duration_s):
                            await self._stop.wait()
                if self._failure is not None:
                    raise self._failure
                self.exit_reason = self.exit_reason or "duration"  # else what the shutting down does becomes the reason
                await self._shut_down()
                for task in owned:
                    task.cancel()
        except (BaseExceptionGroup, asyncio.CancelledError) as error:
            await self._leave_in_haste(error)
        if self._halted_by:
            self.exit_reason = f"risk limit: {self._halted_by}"
            raise RiskHalt(f"stopped by a risk limit: {self._halted_by}")
        return self.exit_reason

    async def _connect(self, tasks: asyncio.TaskGroup, owned: list[asyncio.Task[None]]) -> None:
        """Start the venues, and beside them what keeps the core going: one may trade while another still connects."""
        starts = start_all(self.venues, tasks)
        try:
            await asyncio.sleep(0)  # each has taken its first step, and takes commands from now on
            owned.append(tasks.create_task(self._keep_time(), name="time"))
            owned.append(tasks.create_task(self._keep_baselines(), name="baselines"))
            owned += [
                tasks.create_task(self.reconciliation.run(i), name=f"reconcile {venue.name}")
                for i, venue in enumerate(self.venues)
            ]
            await starts
        finally:
            starts.cancel()

    async def _before_stop(self, work: Coroutine[Any, Any, None]) -> bool:
        """Do `work`; False: a stop came first, and it was cancelled."""
        working, stopping = asyncio.ensure_future(work), asyncio.ensure_future(self._stop.wait())
        try:
            await asyncio.wait((working, stopping), return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                return False
            working.result()
            return True
        finally:
            working.cancel()
            stopping.cancel()
            await asyncio.gather(working, stopping, return_exceptions=True)

    @property
    def uptime_s(self) -> float:
        """Since the session was made."""
        return (time.monotonic_ns() - self._begun_ns) / 1e9

    @property
    def feed_names(self) -> list[str]:
        """``venue/feed`` of each market-data feed, by index."""
        return [f"{v.name}/{feed}" for v in self.venues for feed in v.feed_names]

    def pause(self, market: str | None = None) -> None:
        """Pull the quotes of a market (None: of all) and place nothing new; hedging goes on.

        Raises:
            ConfigError: there is no such market.
        """
        self.inbox.command("pause", market=self._index(market))
        self.paused.update([market] if market else self.assembly.market_ids)

    def resume(self, market: str | None = None) -> None:
        """Quote again; without a market, breached limits that wait for a person are left too.

        Raises:
            ConfigError: there is no such market.
        """
        self.inbox.command("resume", market=self._index(market))
        self.paused.difference_update([market] if market else self.assembly.market_ids)

    def _index(self, market: str | None) -> int | None:
        if market is None:
            return None
        if market not in self.assembly.market_ids:
            raise ConfigError(f"market {market!r}: expected one of {', '.join(self.assembly.market_ids)}")
        return self.assembly.market_ids.index(market)

    def stop(self, reason: str, *, flatten: bool = False) -> None:
        """Ask the run to end in good order."""
        self.exit_reason = self.exit_reason or reason
        self._flatten_on_stop = self._flatten_on_stop or flatten
        self._stop.set()

    async def _keep_time(self) -> None:
        """Enter time events: every `bot.timer_ms`, sooner when the core has something due."""
        every_ns, inbox, engine = self.config.bot.timer_ms * 1_000_000, self.inbox, self.engine
        next_ns = inbox.clock()
        while True:
            inbox.after(engine.on_time(inbox.clock()))
            self._report()
            now_ns = inbox.clock()
            next_ns = max(next_ns + every_ns, now_ns)
            wake_ns = min(next_ns, max(engine.next_due_ns(), now_ns + 1_000_000))
            await asyncio.sleep((wake_ns - now_ns) / 1e9)

    async def _keep_baselines(self) -> None:
        while True:
            await self.books.keep_baselines(self.engine)
            await asyncio.sleep(BASELINES_S)

    def _fail(self, error: JournalError) -> None:
        """End the run: what happens is not written down any more."""
        self._failure = self._failure or error
        self._stop.set()

    def _follow_clocks(self) -> None:
        """Tell the core when a venue's clock has moved against ours."""
        for index, venue in enumerate(self.venues):
            if abs(venue.clock_offset_ns - self._offsets[index]) > CLOCK_STEP_NS:
                self._offsets[index] = venue.clock_offset_ns
                self.inbox.command("clock", venue=index, offset_ns=venue.clock_offset_ns)

    def _report(self) -> None:
        self._follow_clocks()
        for text in self.engine.take_notes():
            (_log.error if text.startswith("plugin ") else _log.info)(text)
        if slow := self._slowness.look(self.engine.host.name):
            _log.warning(slow)
        if self.books.failure is not None:
            self._fail(self.books.failure)
        if self.engine.limits.level >= RiskLevel.FLATTEN and self._nothing_left():
            self.stop("risk limit")
        if self.server is not None and self.server.exchange.finished:
            self.stop("end of recording")

    def _nothing_left(self) -> bool:
        """Under FLATTEN: flat and no order; under HALT: no order."""
        orders = any(self.engine.execution.table.exposure_of(m.index)["open_orders"] for m in self.engine.markets)
        held = any(m.position.lots for m in self.engine.markets if m.instrument.perpetual)
        return not orders and (self.engine.limits.level == RiskLevel.HALT or not held)

    # --- ending ------------------------------------------------------------------------------------------------------

    async def _shut_down(self) -> None:
        """Stop the plugin, cancel everything, flatten if asked, confirm with the venues; never longer than allowed."""
        self.state = "stopping"
        if self.engine.limits.level >= RiskLevel.FLATTEN:  # else what flattens is this stop itself
            self._halted_by = ", ".join(self.engine.limits.breached())
        inbox, limit_s = self.inbox, self.config.bot.shutdown_timeout_s
        inbox.command("stop")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s / 2):
                await self._until(self._no_quotes)
                if self._flatten_on_stop:
                    inbox.command("level", level=int(RiskLevel.FLATTEN))
                    await self._until(self._nothing_left)
                for event in self.reconciliation.done:
                    event.clear()
                self.reconciliation.want(-1)
                seen = [e for e, times in zip(self.reconciliation.done, inbox.times_up, strict=True) if times]
                await asyncio.gather(*(event.wait() for event in seen))  # the others have never taken an order
        confirmed = await asyncio.gather(*(self._leave(venue, limit_s / 2) for venue in self.venues))
        self.reconciled = (
            all(confirmed)
            and all(event.is_set() for event in self.reconciliation.done)
            and Cause.POSITION_MISMATCH.name not in self.engine.limits.breached()
        )
        self._report()
        self.engine.note_stop(encode({"reason": self.exit_reason, "reconciled": self.reconciled}), inbox.clock())
        self.state = "stopped"

    async def _leave_in_haste(self, error: BaseException) -> None:
        """A task failed, so the core cannot be trusted with the end: the venues cancel what is ours, and we say why."""
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        self.state = "stopping"
        self.exit_reason = f"{type(error).__name__}: {error}"
        _log.error("a task failed, cancelling everything", error=self.exit_reason)
        try:
            self.engine.on_command(encode({"op": "stop"}), self.inbox.clock())
        except Exception:  # noqa: BLE001 - the core may be what failed, and the venues are still to be told
            _log.exception("the core does not take the stop")
        await asyncio.gather(*(self._leave(venue, self.config.bot.shutdown_timeout_s) for venue in self.venues))
        self.state = "stopped"
        raise error

    async def _leave(self, venue: Venue, limit_s: float) -> bool:
        try:
            async with asyncio.timeout(limit_s):
                return await venue.stop(cancel=True)
        except (TimeoutError, VenueError) as error:
            _log.error("could not confirm that every order is gone", venue=venue.name, error=str(error) or "timeout")
            return False

    async def _until(self, done: Any) -> None:
        while not done():  # noqa: ASYNC110 - nothing signals what the core holds
            await asyncio.sleep(SETTLE_S)

    def _no_quotes(self) -> bool:
        return not any(self.engine.execution.table.exposure_of(m.index)["open_orders"] for m in self.engine.markets)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close journal, ledger, venues and exchange, whatever happened."""
        try:
            try:
                self.books.close_session(self.engine, self.exit_reason)
            finally:
                await self._stack.aclose()
        except JournalError as problem:
            if error is None:
                raise
            _log.error("journal or ledger lack their end", error=str(problem))

    def summary(self) -> dict[str, Any]:
        """The content of ``summary.json``."""
        first_ns = self.inbox.first_quote_ns
        return summarise(
            self.engine,
            bot=self.config.bot.name,
            started=self.started.isoformat(),
            ended=datetime.now(UTC).isoformat(),
            exit_reason=self.exit_reason,
            first_quote_ms=(first_ns - int(self.started.timestamp() * 1e9)) / 1e6 if first_ns else None,
            reconciled=self.reconciled,
            journal=str(self.run_dir / "journal"),
        )
