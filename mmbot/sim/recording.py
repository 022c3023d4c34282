"""Recorded frames as a market source: files in the hft format, merged by the time they were received.

The exchange's clock stays the caller's; recorded time is mapped onto it from the moment of opening:
``start + (recorded - first recorded) / speed``. Frames keep the ``E`` and ``T`` of their recording unless
`shift_timestamps` writes the exchange's time over them. Playing begins after the recorded REST snapshot, whose book
(with the frames before it applied by the venue's rule) is there from the start.
"""

from __future__ import annotations

import gzip
from collections import deque
from typing import TYPE_CHECKING

from mmbot.errors import ConfigError
from mmbot.sim.market import NS_PER_MS, Market, first_ids
from mmbot.sim.recorded_book import RecordedBook
from mmbot.sim.recorded_market import FIRST_USER_TRADE, RecordedMarket, decode_depth
from mmbot.sim.schedule import NEVER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from mmbot.sim.instruments import SimInstrument
    from mmbot.sim.schedule import Schedule
    from mmbot.sim.venue import Venue

Line = tuple[int, str, bytes]
"""Receive time in ns, stream name, message."""


def read_lines(path: Path) -> Iterator[Line]:
    """Every line of an hft-format file, gzipped or plain; the stream name of a bare REST body is empty.

    Raises:
        ConfigError: the file is missing, or a line is not ``<ns> <json>``.
    """
    if not path.is_file():
        raise ConfigError(f"recording: expected a file, found nothing at {path}")
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
        for number, line in enumerate(file, 1):
            stamp, _, body = line.rstrip(b"\r\n").partition(b" ")
            if not stamp.isdigit() or not body.startswith(b"{"):
                raise ConfigError(f"recording {path}:{number}: expected '<ns> <json>', found {line[:40]!r}")
            if body.startswith(b'{"stream":"'):
                name, _, data = body[11:].partition(b'","data":')
                yield int(stamp), name.decode(), data[:-1]
            else:
                yield int(stamp), "", body


class Track:
    """One recorded market: a file being read, a little ahead of what is played.

    Args:
        path: the file.
        market: whose frames it has.
        venue: whose orders trade there.
    """

    def __init__(self, path: Path, market: RecordedMarket, venue: Venue) -> None:
        self.path = path
        self.market = market
        self.venue = venue
        self.rounds = 0
        self.ids = 0
        self.first_ns = 0
        self._span = 0
        self._lines: Iterator[Line] = iter(())
        self._ahead: deque[Line] = deque()
        self.rewind()

    def rewind(self) -> None:
        """To the recorded snapshot: load its book; from the second round on, all ids go on from where they were."""
        self.ids = self._span * self.rounds
        self._lines = read_lines(self.path)
        self._ahead.clear()
        before: list[bytes] = []
        for received_ns, stream, data in self._lines:
            if not stream:
                self._load(data, before)
                self.first_ns = received_ns
                break
            if "@depth" in stream:
                before.append(data)
        else:
            raise ConfigError(f"recording {self.path}: expected a REST snapshot among the frames, found none")
        self._look_ahead()

    def _load(self, body: bytes, before: list[bytes]) -> None:
        market = self.market
        market.update_id = 0
        snapshot_id = market.snapshot(body)
        for data in before:
            frame = decode_depth(data)
            if frame.u >= snapshot_id:
                market.apply(frame)
        if not self.rounds:
            self._first_id = snapshot_id
        market.update_id += self.ids
        market.matcher.update_id = market.update_id

    def _look_ahead(self) -> None:
        """Read up to the coming depth frame, whose first id a snapshot needs to know."""
        if any("@depth" in stream for _, stream, _ in self._ahead):
            return
        for line in self._lines:
            self._ahead.append(line)
            if "@depth" in line[1]:
                self.market.next_first_id = decode_depth(line[2]).U + self.ids
                return

    @property
    def next_ns(self) -> int:
        """When the coming frame was received; `NEVER` at the end."""
        return self._ahead[0][0] if self._ahead else NEVER

    def play(self, now_ns: int, time_ms: int) -> None:
        """Play the coming frame."""
        _, stream, data = self._ahead.popleft()
        if stream:
            if "@depth" in stream:
                self._look_ahead()
            self.market.play(stream, data, now_ns, ids=self.ids, time_ms=time_ms)
        elif not self._ahead:
            self._look_ahead()
        if not self._ahead:
            self._look_ahead()
        self.venue.settle_touched(self.market)

    def again(self) -> None:
        """Start another round: the book jumps back, and listeners see a gap in the ids, as after a real outage."""
        if not self.rounds:
            self._span = self.market.update_id - self._first_id + 1_000_000
        self.rounds += 1
        self.rewind()


class RecordingSource:
    """Plays recordings; see `ExchangeConfig` for the arguments.

    Raises:
        ConfigError: no recordings, or one that cannot be read.
    """

    def __init__(
        self,
        recordings: Mapping[tuple[str, str], Path],
        schedule: Schedule,
        *,
        speed: float,
        loop: bool,
        shift_timestamps: bool,
    ) -> None:
        if not recordings:
            raise ConfigError("exchange source 'recording': expected at least one file, found none")
        if speed < 0:
            raise ConfigError(f"exchange speed: expected 0 (as fast as possible) or more, found {speed}")
        self._recordings = recordings
        self._schedule = schedule
        self._speed = speed
        self._loop = loop
        self._shift = shift_timestamps
        self._tracks: list[Track] = []
        self._start_ns = schedule.now_ns
        self._first_ns = 0

    def open(self, venue: Venue, instrument: SimInstrument) -> Market | None:
        """List a symbol if there is a recording of it."""
        path = self._recordings.get((venue.name, instrument.symbol))
        if path is None:
            return None
        _, trade_id = first_ids(len(self._tracks))
        market = venue.list_market(
            instrument,
            RecordedBook(),
            update_id=0,
            trade_id=FIRST_USER_TRADE + trade_id,
            make=RecordedMarket,
        )
        if not isinstance(market, RecordedMarket):
            raise TypeError(f"{venue.name} {instrument.symbol}: expected a recorded market, found {type(market)}")
        self._tracks.append(Track(path, market, venue))
        self._first_ns = max(track.first_ns for track in self._tracks)
        return market

    @property
    def finished(self) -> bool:
        """All files have been played to their end."""
        return all(track.next_ns == NEVER for track in self._tracks)

    def _next(self) -> Track:
        return min(self._tracks, key=lambda track: track.next_ns)

    @property
    def next_ns(self) -> int:
        """When the coming frame is due on the exchange's clock; at speed 0, now."""
        recorded_ns = self._next().next_ns
        if recorded_ns == NEVER:
            return NEVER
        if not self._speed:
            return self._schedule.now_ns
        return self._start_ns + max(0, round((recorded_ns - self._first_ns) / self._speed))

    def step(self, limit_ns: int) -> None:
        """Play the coming frame, if it is due by `limit_ns`."""
        due_ns = self.next_ns
        if due_ns > limit_ns:
            return
        now_ns = self._schedule.at(due_ns)
        self._next().play(now_ns, now_ns // NS_PER_MS if self._shift else 0)
        if self._loop and self.finished:
            self._start_ns = now_ns
            for track in self._tracks:
                track.again()
