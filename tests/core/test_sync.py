"""The sequence rules, step by step, and every way to lose and regain trust."""

from __future__ import annotations

import pytest
from frames import decoder

from mmbot._core.book import Book
from mmbot._core.decode import Decoder
from mmbot._core.sync import BookSync, SequenceRule, SyncResult, Trust

BIDS, ASKS = ((100, 5), (99, 1)), ((101, 5), (102, 1))


class Feed:
    """A market whose messages are written by the test."""

    def __init__(self, rule: SequenceRule = SequenceRule.BINANCE_USDM) -> None:
        self.spot = rule == SequenceRule.BINANCE_SPOT
        self.decoder: Decoder = decoder("binance_spot" if self.spot else "binance_usdm", "X", "1", "1")
        self.book = Book()
        self.sync = BookSync(self.book, rule)
        self.now = 0

    def diff(self, first: int, last: int, prev: int = 0, bids: tuple = (), asks: tuple = ()) -> int:
        before = "" if self.spot else f'"pu":{prev},'
        levels = f'"b":{text(bids)},"a":{text(asks)}'
        body = f'{{"e":"depthUpdate","E":{last},"s":"X","U":{first},"u":{last},{before}{levels}}}'
        self.now += 1
        return self.sync.apply_frame(self.decoder.frame(body.encode()), self.now)

    def snapshot(self, last: int, bids: tuple = BIDS, asks: tuple = ASKS) -> int:
        body = f'{{"lastUpdateId":{last},"bids":{text(bids)},"asks":{text(asks)}}}'
        return self.sync.apply_frame(self.decoder.frame(body.encode()), self.now)


def text(levels: tuple) -> str:
    return "[" + ",".join(f'["{price}","{qty}"]' for price, qty in levels) + "]"


@pytest.fixture
def usdm() -> Feed:
    """In sync at update 20."""
    feed = Feed()
    feed.sync.connected()
    feed.diff(5, 9, 4)
    feed.diff(10, 20, 9, bids=((100, 7),))
    assert feed.snapshot(15) == SyncResult.APPLIED
    return feed


def test_buffered_diffs_bridge_the_snapshot(usdm: Feed) -> None:
    assert usdm.sync.trusted
    assert (usdm.sync.applied, usdm.sync.dropped, usdm.sync.last_id) == (1, 1, 20)
    assert usdm.book.levels(0) == [(100, 7), (99, 1)]
    assert not usdm.sync.need_snapshot


def test_nothing_is_trusted_before_a_diff_bridges_the_snapshot() -> None:
    feed = Feed()
    assert (feed.sync.status, feed.sync.need_snapshot) == (Trust.EMPTY, True)
    assert feed.snapshot(15) == SyncResult.APPLIED
    assert (feed.sync.status, feed.book.best_bid_ticks) == (Trust.SYNCING, 100)
    assert feed.diff(10, 14, 9) == SyncResult.UNCHANGED  # step 3: u < lastUpdateId
    assert feed.diff(15, 15, 14) == SyncResult.APPLIED  # step 4: U <= lastUpdateId <= u
    assert feed.sync.trusted


def test_a_snapshot_older_than_the_diffs_is_refused_and_asked_for_again() -> None:
    feed = Feed()
    feed.diff(20, 25, 18)
    feed.sync.asked()
    assert not feed.sync.need_snapshot
    assert feed.snapshot(17) == SyncResult.REFUSED
    assert (feed.sync.refused, feed.sync.need_snapshot, feed.sync.trusted) == (1, True, False)
    assert feed.snapshot(20) == SyncResult.APPLIED
    assert feed.sync.trusted


def test_a_snapshot_that_the_next_diff_does_not_reach_is_given_up() -> None:
    feed = Feed()
    feed.snapshot(10)
    assert feed.diff(20, 25, 18) == SyncResult.LOST
    assert (feed.sync.refused, feed.sync.gaps, feed.sync.need_snapshot) == (1, 0, True)
    assert feed.snapshot(22) == SyncResult.APPLIED
    assert (feed.sync.trusted, feed.sync.last_id, feed.sync.resyncs) == (True, 25, 0)


def test_a_snapshot_between_two_diffs_bridges() -> None:
    """In thin markets ids leap, and lastUpdateId may lie between a diff's `pu` and its `U`: nothing is missing then."""
    feed = Feed()
    feed.diff(10, 10, 7)
    feed.diff(20, 20, 10)
    assert feed.snapshot(12) == SyncResult.APPLIED
    assert (feed.sync.trusted, feed.sync.last_id) == (True, 20)


def test_a_gap_ends_trust_at_once_and_a_snapshot_mends_it(usdm: Feed) -> None:
    assert usdm.diff(31, 40, 30) == SyncResult.LOST
    assert (usdm.sync.status, usdm.sync.gaps, usdm.sync.need_snapshot) == (Trust.GAP, 1, True)
    assert usdm.diff(41, 50, 40, bids=((98, 3),)) == SyncResult.UNCHANGED
    assert usdm.sync.buffered == 2
    assert usdm.snapshot(35) == SyncResult.APPLIED
    assert (usdm.sync.trusted, usdm.sync.last_id, usdm.sync.resyncs, usdm.sync.buffered) == (True, 50, 1, 0)
    assert usdm.book.levels(0) == [(100, 5), (99, 1), (98, 3)]


def test_a_gap_among_the_buffered_diffs_keeps_what_follows_it(usdm: Feed) -> None:
    usdm.diff(31, 40, 30)
    usdm.diff(61, 70, 60)
    usdm.diff(71, 80, 70)
    assert usdm.snapshot(35) == SyncResult.LOST
    assert (usdm.sync.status, usdm.sync.gaps, usdm.sync.buffered, usdm.sync.last_id) == (Trust.GAP, 2, 2, 40)
    assert usdm.snapshot(65) == SyncResult.APPLIED
    assert (usdm.sync.trusted, usdm.sync.last_id) == (True, 80)


def test_repeated_and_late_frames_are_dropped(usdm: Feed) -> None:
    assert usdm.diff(10, 20, 9, bids=((100, 1),)) == SyncResult.UNCHANGED
    assert usdm.diff(5, 9, 4) == SyncResult.UNCHANGED
    assert (usdm.sync.trusted, usdm.sync.dropped, usdm.book.best_bid_lots) == (True, 3, 7)


def test_a_crossed_book_is_not_trusted(usdm: Feed) -> None:
    assert usdm.diff(21, 30, 20, bids=((101, 1),)) == SyncResult.LOST
    assert (usdm.sync.status, usdm.sync.crossed, usdm.sync.need_snapshot) == (Trust.CROSSED, 1, True)
    usdm.diff(31, 40, 30)
    assert usdm.snapshot(33) == SyncResult.APPLIED
    assert (usdm.sync.trusted, usdm.sync.resyncs) == (True, 1)


def test_a_crossed_snapshot_is_not_trusted(usdm: Feed) -> None:
    assert usdm.snapshot(25, bids=((105, 1),)) == SyncResult.LOST
    assert usdm.sync.status == Trust.CROSSED


def test_a_disconnect_empties_the_buffer_and_a_connect_starts_again(usdm: Feed) -> None:
    usdm.sync.disconnected()
    usdm.sync.disconnected()
    assert (usdm.sync.status, usdm.sync.disconnects, usdm.sync.need_snapshot) == (Trust.DISCONNECTED, 1, False)
    assert usdm.snapshot(40) == SyncResult.UNCHANGED
    usdm.sync.connected()
    assert (usdm.sync.status, usdm.sync.need_snapshot) == (Trust.SYNCING, True)
    usdm.diff(41, 50, 40)
    assert usdm.snapshot(45) == SyncResult.APPLIED
    assert (usdm.sync.trusted, usdm.sync.resyncs) == (True, 1)


def test_a_diff_is_proof_of_a_connection(usdm: Feed) -> None:
    usdm.sync.disconnected()
    usdm.diff(41, 50, 40)
    assert (usdm.sync.status, usdm.sync.buffered) == (Trust.SYNCING, 1)


def test_silence_makes_stale_and_the_next_diff_in_sequence_mends_it(usdm: Feed) -> None:
    assert not usdm.sync.stale_at(usdm.now + 10, 10)
    assert usdm.sync.stale_at(usdm.now + 11, 10)
    assert not usdm.sync.stale_at(usdm.now + 12, 10)
    assert (usdm.sync.status, usdm.sync.need_snapshot) == (Trust.STALE, False)
    assert usdm.diff(21, 30, 20) == SyncResult.APPLIED
    assert usdm.sync.trusted
    usdm.sync.stale_at(usdm.now + 11, 10)
    assert usdm.diff(41, 50, 40) == SyncResult.LOST
    assert usdm.sync.status == Trust.GAP


def test_a_newer_snapshot_is_taken_over_and_an_older_one_is_not(usdm: Feed) -> None:
    assert usdm.snapshot(20) == SyncResult.UNCHANGED
    assert usdm.snapshot(30, bids=((90, 1),)) == SyncResult.APPLIED
    assert (usdm.sync.trusted, usdm.book.best_bid_ticks) == (True, 90)
    assert usdm.diff(21, 25, 20) == SyncResult.UNCHANGED
    assert usdm.diff(26, 35, 25) == SyncResult.APPLIED
    assert usdm.diff(37, 38, 36) == SyncResult.LOST
    assert usdm.sync.gaps == 1


def test_restart_by_hand_asks_for_a_snapshot(usdm: Feed) -> None:
    usdm.sync.restart()
    assert (usdm.sync.status, usdm.sync.need_snapshot) == (Trust.SYNCING, True)
    usdm.diff(21, 30, 20)
    assert usdm.snapshot(22) == SyncResult.APPLIED
    assert usdm.sync.resyncs == 1


def test_the_spot_rule() -> None:
    feed = Feed(SequenceRule.BINANCE_SPOT)
    feed.diff(5, 10)
    feed.diff(11, 20)
    assert feed.snapshot(10) == SyncResult.APPLIED  # U <= lastUpdateId + 1 <= u
    assert (feed.sync.trusted, feed.sync.last_id, feed.sync.dropped) == (True, 20, 1)
    assert feed.diff(21, 21) == SyncResult.APPLIED
    assert feed.diff(20, 21) == SyncResult.UNCHANGED
    assert feed.diff(23, 24) == SyncResult.LOST
    assert feed.snapshot(21) == SyncResult.REFUSED
    assert feed.snapshot(22) == SyncResult.APPLIED
    assert (feed.sync.trusted, feed.sync.last_id) == (True, 24)


def test_a_full_buffer_is_dropped_and_counted() -> None:
    feed = Feed()
    many = tuple((price, 1) for price in range(1, 40_001))
    for i in range(30):
        feed.diff(10 * i + 1, 10 * i + 10, 10 * i, bids=many)
    assert feed.sync.overflows == 1
    assert feed.sync.buffered == 30 - 26
    assert feed.snapshot(100) == SyncResult.REFUSED
    assert feed.snapshot(270, asks=((50_000, 1),)) == SyncResult.APPLIED
    assert (feed.sync.trusted, feed.sync.last_id) == (True, 300)


def test_other_frames_and_unknown_rules_are_refused() -> None:
    feed = Feed()
    with pytest.raises(ValueError, match="depth update or a snapshot"):
        feed.sync.apply_frame(feed.decoder.frame(b"{}"), 0)
    with pytest.raises(ValueError, match="expected a snapshot"):
        feed.sync.load_frame(feed.decoder.frame(b"{}"), 0)
    with pytest.raises(ValueError, match="SequenceRule"):
        BookSync(Book(), 7)
