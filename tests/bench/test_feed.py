"""The feeds that are measured: generated ones are as good as recorded ones to every part of the core."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmbot._core.book import Book
from mmbot._core.sync import BookSync, SequenceRule
from mmbot.bench.feed import Feed, generated, recorded
from mmbot.errors import MmbotError


def play(feed: Feed) -> BookSync:
    decoder = feed.decoder()
    sync = BookSync(Book(), SequenceRule.BINANCE_USDM if feed.instrument.perpetual else SequenceRule.BINANCE_SPOT)
    sync.play(decoder, feed.of("depthUpdate"))
    for payload in feed.of("bookTicker"):
        decoder.frame(payload)
    assert decoder.fallbacks == 0  # every frame takes the fast way
    assert sum(decoder.refusals.values()) == 0
    return sync


def test_a_generated_feed_is_in_sequence_and_the_same_for_a_seed() -> None:
    feed = generated(seed=3, messages=200)
    assert generated(seed=3, messages=200).frames == feed.frames
    assert generated(seed=4, messages=200).frames != feed.frames
    sync = play(feed)
    assert (sync.trusted, sync.gaps, sync.crossed, sync.applied) == (True, 0, 0, 200)
    assert [ts for ts, _ in feed.frames] == sorted(ts for ts, _ in feed.frames)


def test_a_generated_message_has_as_many_levels_as_a_recorded_one() -> None:
    changes = generated(messages=500).levels()[1:]
    assert 55 < sum(len(bids) + len(asks) for bids, asks in changes) / len(changes) < 80


@pytest.mark.parametrize(("file", "tick", "lot"), [
    ("usdm/btcusdt_20240808.gz", "0.1", "0.001"),
    ("spot/btcusdt_20240808.gz", "0.01", "0.00001"),
])  # fmt: skip
def test_a_recording_tells_its_units(data_dir: Path, file: str, tick: str, lot: str) -> None:
    feed = recorded(data_dir / "recordings" / "binance" / file)
    assert (feed.instrument.tick_size, feed.instrument.lot_size) == (tick, lot)
    assert feed.instrument.perpetual == file.startswith("usdm")
    assert play(feed).trusted


def test_what_is_no_recording_is_said(tmp_path: Path) -> None:
    with pytest.raises(MmbotError, match="No such file"):
        recorded(tmp_path / "gone.gz")
    (tmp_path / "other.gz").write_text('1 {"e":"trade"}\n')
    with pytest.raises(MmbotError, match="expected a recording of a Binance depth stream"):
        recorded(tmp_path / "other.gz")
