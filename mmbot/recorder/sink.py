"""What a connector reports to when its market data is recorded: it files every message, and watches the books.

Each market's messages are also played into a book, by the rules that the engine goes by. So the recorder knows when a
snapshot is needed (at the start, after a reconnect, after a gap in the venue's numbering, behind lines that it had to
drop), and its summary says whether a book can be kept on what it wrote.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from mmbot._core.book import Book
from mmbot._core.decode import Decoder
from mmbot._core.message import MessageKind
from mmbot._core.sync import BookSync, SequenceRule, SyncResult, Trust
from mmbot._core.types import CommandKind, CommandView

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mmbot._core.message import Frame
    from mmbot._core.types import Instrument, OrderEvent
    from mmbot.recorder.spool import Spool
    from mmbot.venues.base import Venue

_log = structlog.get_logger("mmbot.recorder")
_HEAD = 256  # bytes in which a message names its symbol
_ASK_AGAIN_NS = 5_000_000_000
_BACK_OFF_NS = 1_000_000_000


@dataclass(slots=True)
class RecordedMarket:
    """One market on its way to disk: its instrument, the numbers of its file and source, its book, and its fate."""

    index: int
    id: str
    instrument: Instrument
    file: int
    source: int
    sync: BookSync = field(init=False)
    messages: int = 0
    snapshots: int = 0
    dropped: int = 0
    first_ns: int = 0
    last_ns: int = 0
    missing: int = 0  # dropped since the last message that was taken
    asked_ns: int = 0
    wanted: bool = False  # a snapshot, although the book is in sync

    def __post_init__(self) -> None:
        """Begin with an empty book."""
        rule = SequenceRule.BINANCE_USDM if self.instrument.perpetual else SequenceRule.BINANCE_SPOT
        self.sync = BookSync(Book(), rule)

    def as_dict(self) -> dict[str, object]:
        """For the summary."""
        sync = self.sync
        return {
            "venue": self.instrument.venue,
            "symbol": self.instrument.symbol,
            "messages": self.messages,
            "snapshots": self.snapshots,
            "dropped": self.dropped,
            "gaps": sync.gaps,
            "crossed": sync.crossed,
            "disconnects": sync.disconnects,
            "book": Trust(sync.status).name.lower(),
            "first_ns": self.first_ns,
            "last_ns": self.last_ns,
        }


class RecordingSink:
    """Files one venue's messages; see `mmbot.venues.base.Sink`. Not thread-safe.

    Args:
        venue: the connector that reports here; asked for snapshots.
        markets: by the number that the venue was bound with.
        other_file: number of the file for messages that belong to none of the markets.
        spool: where the lines go.
        clock: UTC nanoseconds, for snapshots.
        first_feed: the venue's first feed, which carries the books.

    Attributes:
        control: answers to our own requests; they are counted and not recorded.
        other: messages that belong to none of the markets; they are in a file of their own.
    """

    def __init__(
        self,
        venue: Venue,
        markets: Mapping[int, RecordedMarket],
        other_file: int,
        spool: Spool,
        clock: Callable[[], int],
        *,
        first_feed: int = 0,
    ) -> None:
        self.control = 0
        self.other = 0
        self.other_dropped = 0
        self.reconnects = 0
        self._venue = venue
        self._markets = markets
        self._other_file = other_file
        self._spool = spool
        self._clock = clock
        self._depth_feed = first_feed
        self._decoder = Decoder(venue.kind, {m.instrument.venue_symbol: (i, m.instrument) for i, m in markets.items()})
        names = {m.instrument.venue_symbol.upper().encode(): i for i, m in markets.items()}
        self._names = names
        self._named = re.compile(b"|".join(re.escape(name) for name in sorted(names, key=len, reverse=True)))
        self._ups: dict[int, int] = {}
        self._leaving = False

    def on_frame(self, feed: int, payload: bytes | memoryview, recv_ns: int) -> None:  # noqa: ARG002 - the interface's
        """File one frame."""
        body = bytes(payload)
        frame = self._decoder.frame(body)
        market = self._markets.get(frame.market)
        if market is None:
            if frame.kind == MessageKind.CONTROL:
                self.control += 1
                return
            market = self._by_name(body)
        if market is None:
            self._file_other(recv_ns, body)
        elif self._file(market, recv_ns, body) and frame.kind == MessageKind.DEPTH:
            self._play(market, frame, recv_ns)

    def on_feed(self, feed: int, up: bool) -> None:  # noqa: FBT001 - the interface's
        """A socket came up or went down; with that of the depth messages the books begin anew."""
        if up:
            self._ups[feed] = self._ups.get(feed, 0) + 1
            self.reconnects += self._ups[feed] > 1
        if feed != self._depth_feed or self._leaving:
            return
        for market in self._markets.values():
            (market.sync.connected if up else market.sync.disconnected)()

    def on_snapshot(self, market: int, body: bytes) -> None:
        """File the bare body of a REST snapshot, and put it into the book."""
        recorded = self._markets[market]
        recv_ns = self._clock()
        if not self._file(recorded, recv_ns, body):
            return
        recorded.snapshots += 1
        frame = self._decoder.snapshot(market, body)
        if frame.kind == MessageKind.SNAPSHOT:
            self._play(recorded, frame, recv_ns)

    def leave(self) -> None:
        """The recording ends: that sockets close from now on says nothing about the books."""
        self._leaving = True

    def ask(self, now_ns: int) -> None:
        """Ask for the snapshots that are needed; to be called a few times a second."""
        for market in self._markets.values():
            since_ns = now_ns - market.asked_ns
            unanswered = not market.sync.trusted and since_ns >= _ASK_AGAIN_NS
            if market.sync.status == Trust.DISCONNECTED:
                continue
            if ((market.sync.need_snapshot or market.wanted) and since_ns >= _BACK_OFF_NS) or unanswered:
                market.wanted = False
                market.asked_ns = now_ns
                market.sync.asked()
                self._venue.submit(CommandView(kind=CommandKind.RESYNC, market=market.index, ts_ns=now_ns))

    # -- what an account would tell: a recorder has none --------------------------------------------------------------

    def on_order(self, event: OrderEvent) -> None:
        """Nothing: a recorder sends no orders."""

    def on_funding(self, market: int, amount_e8: int, asset: int, ts_ns: int) -> None:
        """Nothing: a recorder has no position."""

    def on_balance(self, asset: int, wallet_e8: int, ts_ns: int) -> None:
        """Nothing: a recorder has no account."""

    def on_trading_up(self, up: bool) -> None:  # noqa: FBT001 - the interface's
        """Nothing: a recorder does not trade."""

    def asset_index(self, name: str) -> int:  # noqa: ARG002 - the interface's
        """One number for all: nothing is booked."""
        return 0

    # -- parts --------------------------------------------------------------------------------------------------------

    def _file(self, market: RecordedMarket, recv_ns: int, body: bytes) -> bool:
        if not self._spool.put(market.file, recv_ns, body):
            if not market.missing:
                _log.error("messages are dropped: the disk does not keep up", market=market.id)
            market.missing += 1
            market.dropped += 1
            return False
        if market.missing:
            _log.warning("messages are taken again", market=market.id, dropped=market.missing)
            market.missing = 0
            if market.sync.status != Trust.DISCONNECTED:
                market.sync.restart()  # also when only trades were lost: the snapshot marks where
        market.messages += 1
        market.first_ns = market.first_ns or recv_ns
        market.last_ns = recv_ns
        return True

    def _file_other(self, recv_ns: int, body: bytes) -> None:
        self.other += 1
        if not self._spool.put(self._other_file, recv_ns, body):
            self.other_dropped += 1

    def _play(self, market: RecordedMarket, frame: Frame, recv_ns: int) -> None:
        before = market.sync.status
        result = market.sync.apply_frame(frame, recv_ns)
        if result == SyncResult.LOST and before == Trust.TRUSTED:
            _log.warning("the book lost its place", market=market.id, reason=Trust(market.sync.status).name.lower())

    def _by_name(self, body: bytes) -> RecordedMarket | None:
        """Whose a message is that the decoder does not know: the symbol it names first."""
        found = self._named.search(body[:_HEAD].upper()) if self._names else None
        return self._markets[self._names[found[0]]] if found else None
