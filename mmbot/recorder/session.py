"""One recording: connectors, sinks, spool and files, started and ended in the right order.

::

    recorder = Recorder([Source(venue, {"perp_btc": "BTC/USDT:USDT"})], Path("recordings"))
    summary = await recorder.run(duration_s=60)
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from mmbot import __version__
from mmbot.engine.connect import patiently
from mmbot.errors import RecordingError, VenueError
from mmbot.recorder.market_file import FileRules, MarketFile
from mmbot.recorder.sink import RecordedMarket, RecordingSink
from mmbot.recorder.spool import Spool
from mmbot.tape.instruments import DESCRIPTION, instrument_fields

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from mmbot._core.types import Instrument
    from mmbot.venues.base import Venue

_log = structlog.get_logger("mmbot.recorder")
_CONNECT_S = 30.0
_LEAVE_S = 5.0
_LOOK_S = 0.1


@dataclass(frozen=True, slots=True)
class Source:
    """What to record of one venue.

    Args:
        venue: a connector that is not open yet, without credentials.
        symbols: the markets' ids in logs and summary, and their symbols.
    """

    venue: Venue
    symbols: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderRules:
    """How a recording is written.

    Args:
        sync_s: how long a received message may be not durable yet; what the disk takes comes on top.
        spool_bytes: memory for messages that wait to be written; beyond it they are dropped, counted and logged.
        files: size, age and compression of files.
    """

    sync_s: float = 0.5
    spool_bytes: int = 64 << 20
    files: FileRules = field(default_factory=FileRules)


class Recorder:
    """Records until it is stopped, for a time, or until something ends it.

    A market's files lie in ``<folder>/<venue kind>/<venue's symbol>/``, named by the UTC time at which they begin, and
    beside them `DESCRIPTION`, which holds the instrument as the venue described it.

    Args:
        sources: what to record.
        folder: where the files go.
        rules: how they are written.
    """

    def __init__(self, sources: Sequence[Source], folder: Path, rules: RecorderRules | None = None) -> None:
        self._sources = sources
        self._folder = folder
        self._rules = rules or RecorderRules()
        self._stop = asyncio.Event()
        self._reason = ""
        self._loop = asyncio.get_running_loop()
        self._markets: list[RecordedMarket] = []
        self._files: list[MarketFile] = []
        self._sinks: list[RecordingSink] = []
        self._spool: Spool | None = None
        self._began_ns = time.time_ns()

    @property
    def markets(self) -> Sequence[RecordedMarket]:
        """What is recorded, known once `run` has asked the venues."""
        return self._markets

    def stop(self, reason: str) -> None:
        """Ask the recording to end in good order."""
        self._reason = self._reason or reason
        self._stop.set()

    async def run(self, duration_s: float | None = None) -> dict[str, Any]:
        """Record; returns the summary once everything received is durable.

        Raises:
            VenueError: a venue cannot be used.
            ConfigError: a venue does not list a symbol.
            RecordingError: the files could not be written; what was synced before is whole.
        """
        venues = [source.venue for source in self._sources]
        try:
            for index, source in enumerate(self._sources):
                await self._describe(index, source)
            self._spool = spool = self._open_spool()
            self._bind(spool)
            spool.start()
            await self._record(venues, duration_s)
        finally:
            await asyncio.gather(*(self._leave(venue) for venue in venues))
            if self._spool is not None:
                await asyncio.to_thread(self._spool.stop)
        if spool.failure is not None:
            raise RecordingError(
                f"{self._folder}: cannot be written: {spool.failure.strerror or spool.failure}; "
                f"{sum(file.lines for file in self._files)} lines are in its files"
            ) from spool.failure
        return self.summary()

    def summary(self) -> dict[str, Any]:
        """What was recorded, for people and ``--json``."""
        spool = self._spool
        markets = {}
        for market in self._markets:
            file = self._files[market.file]
            markets[market.id] = market.as_dict() | {
                "lines": file.lines,
                "raw_bytes": file.raw_bytes,
                "file_bytes": file.file_bytes,
                "files": [str(path) for path in file.paths],
            }
        return {
            "seconds": round((time.time_ns() - self._began_ns) / 1e9, 3),
            "ended": self._reason,
            "lines": sum(file.lines for file in self._files),
            "dropped": sum(m.dropped for m in self._markets) + sum(sink.other_dropped for sink in self._sinks),
            "overflows": spool.overflows if spool else 0,
            "largest_spool_bytes": spool.largest_bytes if spool else 0,
            "reconnects": sum(sink.reconnects for sink in self._sinks),
            "control": sum(sink.control for sink in self._sinks),
            "other": sum(sink.other for sink in self._sinks),
            "other_files": [str(p) for f in self._files[len(self._markets) :] for p in f.paths],
            "markets": markets,
        }

    # -- parts --------------------------------------------------------------------------------------------------------

    async def _describe(self, index: int, source: Source) -> None:
        """Open the venue, ask what the markets are, and number them."""
        venue = source.venue
        await patiently(venue.name, venue.open)
        instruments = await patiently(venue.name, functools.partial(venue.instruments, list(source.symbols.values())))
        known = {(m.instrument.venue, m.instrument.venue_symbol) for m in self._markets}
        for name, instrument in zip(source.symbols, instruments, strict=True):
            if (instrument.venue, instrument.venue_symbol) in known:
                _log.info("the same market is recorded already", market=name)
                continue
            known.add((instrument.venue, instrument.venue_symbol))
            number = len(self._markets)
            self._markets.append(RecordedMarket(number, name, instrument, number, index))

    def _open_spool(self) -> Spool:
        """Make the files: one a market, then one a venue for what belongs to none."""
        for market in self._markets:
            stem = market.instrument.venue_symbol.lower()
            folder = self._folder / market.instrument.venue / stem
            self._files.append(MarketFile(folder, stem, self._rules.files))
            self._write_description(folder / DESCRIPTION, market.instrument)
        for source in self._sources:
            self._files.append(MarketFile(self._folder / source.venue.kind / "other", "other", self._rules.files))
        return Spool(
            self._files,
            sync_s=self._rules.sync_s,
            limit_bytes=self._rules.spool_bytes,
            on_failure=self._spool_failed,
        )

    def _write_description(self, path: Path, instrument: Instrument) -> None:
        description = {"instrument": instrument_fields(instrument), "recorded_by": f"mmbot {__version__}"}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(msgspec.json.format(msgspec.json.encode(description), indent=2) + b"\n")
        except OSError as error:
            raise RecordingError(f"{path}: cannot be written: {error.strerror}") from error

    def _bind(self, spool: Spool) -> None:
        feed = 0
        for index, source in enumerate(self._sources):
            markets = {m.index: m for m in self._markets if m.source == index}
            sink = RecordingSink(
                source.venue, markets, len(self._markets) + index, spool, time.time_ns, first_feed=feed
            )
            self._sinks.append(sink)
            source.venue.bind(sink, {i: m.instrument for i, m in markets.items()}, first_feed=feed)
            feed += len(source.venue.feed_names)

    async def _record(self, venues: Sequence[Venue], duration_s: float | None) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                # A snapshot is asked for as soon as a feed is up, while another still connects.
                looking = tasks.create_task(self._look_after(), name="snapshots")
                async with asyncio.timeout(_CONNECT_S):
                    await asyncio.gather(*(v.start(tasks) for v in venues))
                _log.info("recording", markets=[m.id for m in self._markets], folder=str(self._folder))
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(duration_s):
                        await self._stop.wait()
                self._reason = self._reason or "duration"
                looking.cancel()
                for sink in self._sinks:
                    sink.leave()
                await asyncio.gather(*(self._leave(venue) for venue in venues))
        except BaseExceptionGroup as group:
            error: BaseException = group
            while isinstance(error, BaseExceptionGroup):
                error = error.exceptions[0]
            raise error from None

    async def _look_after(self) -> None:
        """Ask for the snapshots that are needed, for as long as it is recorded."""
        while True:
            await asyncio.sleep(_LOOK_S)
            self._mark_new_files()
            now_ns = time.time_ns()
            for sink in self._sinks:
                sink.ask(now_ns)

    def _mark_new_files(self) -> None:
        """A new file needs a snapshot of its own, so that it can be read by itself."""
        begun = self._spool.begun if self._spool is not None else None
        while begun:
            number = begun.popleft()
            if number < len(self._markets):
                self._markets[number].wanted = True

    def _spool_failed(self, error: OSError) -> None:
        """On the writing thread: nothing can be recorded any more."""
        _log.error("the recording cannot be written", error=str(error))
        self._loop.call_soon_threadsafe(self.stop, "write error")

    async def _leave(self, venue: Venue) -> None:
        try:
            async with asyncio.timeout(_LEAVE_S):
                await venue.stop(cancel=False)
        except (TimeoutError, VenueError) as error:
            _log.warning("venue not left in good order", venue=venue.name, error=str(error) or "timeout")
