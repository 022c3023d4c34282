"""The journal of a live or paper session as a source of tapes: what its bot saw, market by market.

FRAME and SNAPSHOT records become the lines of a raw recording, in their order and with the times at which the session
received them, and are converted as one. So a backtest on such a tape gets the very messages that the session got.

The venue's times are brought to our clock: the session measured how far the venue's clock was ahead and journalled it
whenever that changed by more than a millisecond; the median is taken off. Where nothing was journalled the clocks
agreed to a millisecond, as they do on the simulated exchange, which runs on our own clock.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import msgspec

from mmbot._core.eventlog import EventKind
from mmbot._core.types import Instrument
from mmbot.errors import ConfigError, JournalError, TapeError
from mmbot.journal import JournalReader, segment_paths
from mmbot.tape.instruments import instrument_fields
from mmbot.tape.lines import Intact
from mmbot.tape.own import OwnOrders
from mmbot.tape.raw import READING_SHARE, convert_texts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mmbot.journal import Record
    from mmbot.tape.request import Request

_BLOCK_BYTES: Final = 1 << 20


class _Venue(msgspec.Struct, frozen=True):
    kind: str
    endpoint: Any = "sim"


class _Market(msgspec.Struct, frozen=True):
    venue: str
    symbol: str


class _Config(msgspec.Struct, frozen=True):
    venues: dict[str, _Venue]
    markets: dict[str, _Market]


class _Start(msgspec.Struct, frozen=True):
    """What is needed of the START record."""

    config: _Config
    instruments: dict[str, dict[str, Any]]
    feeds: list[int]


@dataclass(frozen=True, slots=True)
class SessionMarket:
    """A market of a session.

    Attributes:
        index: in the session.
        id: in the config.
        venue: index of its venue.
        instrument: as the venue described it.
    """

    index: int
    id: str
    venue: int
    instrument: Instrument


@dataclass(frozen=True, slots=True)
class Session:
    """A journal that was opened.

    Attributes:
        folder: of the segments.
        markets: in the session's order.
        feeds: index of the venue of each feed.
        simulated: for each venue, whether it was the embedded exchange, which has our clock.
    """

    folder: Path
    markets: tuple[SessionMarket, ...]
    feeds: tuple[int, ...]
    simulated: tuple[bool, ...]

    def market(self, wanted: str | None, venue: str | None = None) -> SessionMarket:
        """The market that is meant by its id, its symbol, or the venue's symbol.

        Raises:
            ConfigError: none or several are.
        """
        found = [
            market
            for market in self.markets
            if (wanted is None or wanted in (market.id, market.instrument.symbol, market.instrument.venue_symbol))
            and venue in (None, market.instrument.venue)
        ]
        if len(found) == 1:
            return found[0]
        known = ", ".join(f"{m.id} ({m.instrument.venue} {m.instrument.symbol})" for m in self.markets)
        what = "it holds several markets, choose one" if len(found) > 1 else f"expected another market than {wanted!r}"
        raise ConfigError(f"{self.folder}: {what} with --symbol: {known}")


def open_session(path: Path) -> Session:
    """Open a run's folder, or its journal.

    Raises:
        TapeError: there is no journal of a session.
    """
    folder = _folder(path)
    if folder is None:
        raise TapeError(f"{path}: expected a run's folder with its journal, found none")
    try:
        first = next(iter(JournalReader(folder)), None)
        if first is None or first.kind != EventKind.START:
            found = "nothing" if first is None else EventKind(first.kind).name
            raise TapeError(f"{folder}: expected START as the first record, found {found}")
        start = msgspec.json.decode(first.body, type=_Start)
        venues = list(start.config.venues)
        markets = tuple(
            SessionMarket(index, name, venues.index(market.venue), Instrument(**start.instruments[name]))
            for index, (name, market) in enumerate(start.config.markets.items())
        )
    except (JournalError, msgspec.MsgspecError, KeyError, TypeError, ValueError) as error:
        raise TapeError(f"{folder}: expected a session's journal: {error}") from error
    simulated = tuple(venue.endpoint == "sim" for venue in start.config.venues.values())
    return Session(folder, markets, tuple(start.feeds), simulated)


def records(session: Session, *, keep_going: bool = False) -> Iterator[Record]:
    """Every record of a session's journal; a torn tail is left out, as after a crash.

    Raises:
        TapeError: the journal is damaged, and not to be used up to there (`keep_going`).
    """
    try:
        yield from JournalReader(session.folder)
    except JournalError as error:
        if not keep_going:
            raise TapeError(f"{error} (--keep-going uses what stands before)") from error


def clock_offset_ns(session: Session, venue: int) -> int:
    """How far a venue's clock was ahead of ours: the median of what the session journalled; 0 on our own exchange.

    Raises:
        TapeError: the journal is damaged.
    """
    if session.simulated[venue]:
        return 0
    return _offsets(records(session, keep_going=True)).get(venue, 0)


def convert(request: Request) -> dict[str, Any]:
    """Convert one market of a session; see `mmbot.tape.sources.convert`."""
    if len(request.sources) > 1:
        raise ConfigError(f"{request.sources[1]}: expected one run, found {len(request.sources)}")
    session = open_session(request.source)
    market = session.market(request.symbol, request.venue)
    instrument = request.instrument or market.instrument
    if request.overrides:
        try:
            instrument = Instrument(**instrument_fields(instrument) | request.overrides)
        except (TypeError, ValueError) as error:
            raise ConfigError(f"instrument: {error}") from None
    offset_ns = clock_offset_ns(session, market.venue)
    source = {
        "kind": "run",
        "files": [str(session.folder)],
        "market": market.id,
        "rules": str(request.rules),
        "tickers": request.with_tickers,
        "instrument_from": "given" if request.instrument or request.overrides else "listed",
        "clock_offset_ns": offset_ns,
    }
    texts = ((session.folder, block) for block in _blocks(request, session, market))
    own = OwnOrders(records(session, keep_going=request.keep_going), market.index, offset_ns)
    return convert_texts(request, instrument, source, texts, Intact(), clock_offset_ns=offset_ns, own=own)


def convert_all(request: Request) -> dict[str, dict[str, Any]]:
    """Make a tape ``<out>/<market>.tape`` of every market of a session; `request.out` is a folder, created if need be.

    Returns:
        The quality report of each, by file.

    Raises:
        ConfigError: a field that was set is wrong.
        TapeError: there is no journal of a session, it is damaged, or it holds no data of a market.
        OSError: a file cannot be read or written.
    """
    session = open_session(request.source)
    request.out.mkdir(parents=True, exist_ok=True)
    reports = {}
    for number, market in enumerate(session.markets):

        def progress(share: float, number: int = number) -> None:
            request.report((number + share) / len(session.markets))

        path = request.out / f"{market.id}.tape"
        reports[str(path)] = convert(
            replace(request, out=path, symbol=market.id, venue=market.instrument.venue, progress=progress)
        )
    return reports


def _offsets(journal: Iterator[Record]) -> dict[int, int]:
    found: dict[int, list[int]] = {}
    for record in journal:
        if record.kind == EventKind.COMMAND and b'"clock"' in record.body:
            command = msgspec.json.decode(record.body)
            if command.get("op") == "clock":
                found.setdefault(command["venue"], []).append(command["offset_ns"])
    return {venue: round(statistics.median(offsets)) for venue, offsets in found.items()}


def _blocks(request: Request, session: Session, market: SessionMarket) -> Iterator[bytes]:
    """The market's messages as lines of a raw recording; those of its venue's other markets are among them."""
    feeds = frozenset(feed for feed, venue in enumerate(session.feeds) if venue == market.venue)
    total = sum(path.stat().st_size for path in segment_paths(session.folder)) or 1
    block: list[bytes] = []
    size = read = 0
    for record in records(session, keep_going=request.keep_going):
        read += len(record.body)
        ours = record.source in feeds if record.kind == EventKind.FRAME else record.source == market.index
        if not ours or record.kind not in (EventKind.FRAME, EventKind.SNAPSHOT):
            continue
        body = record.body
        if b"\n" in body:
            body = body.replace(b"\n", b" ")
        block.append(b"%d %b\n" % (record.ts_ns, body))
        size += len(body)
        if size >= _BLOCK_BYTES:
            yield b"".join(block)
            request.report(READING_SHARE * min(1.0, read / total))
            block, size = [], 0
    yield b"".join(block)


def _folder(path: Path) -> Path | None:
    """Where the segments lie."""
    for folder in (path / "journal", path):
        if folder.is_dir() and any(folder.glob("events-*.mmj")):
            return folder
    return None
