"""Recorded frames through the exchange: bytes unchanged, book rebuilt, snapshots that join, orders that fill."""

from __future__ import annotations

import gzip
import itertools
import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from exchange_desk import START, Desk

from mmbot.errors import ConfigError
from mmbot.sim.events import MarketEvent
from mmbot.sim.recording import read_lines

LINES = 6000


@pytest.fixture(scope="module")
def files(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Path]:
    """The beginnings of the recorded perpetual and spot feeds."""
    folder = tmp_path_factory.mktemp("recorded")
    found = {}
    for venue, name in (("binance_usdm", "usdm"), ("binance_spot", "spot")):
        source = data_dir / "recordings" / "binance" / name / "btcusdt_20240808.gz"
        target = folder / f"{name}.txt"
        with gzip.open(source) as packed, target.open("wb") as out:
            out.writelines(itertools.islice(packed, LINES))
        found[venue, "BTCUSDT"] = target
    return found


def play(desk: Desk, until: float | None = None) -> list[MarketEvent]:
    events = []
    while not desk.exchange.finished and (until is None or desk.now < START + until * 1e9):
        desk.now += 10_000_000
        while desk.exchange.advance(desk.now) <= desk.now and not desk.exchange.finished:
            pass
        events += [event for event in desk.exchange.take_events() if isinstance(event, MarketEvent)]
    return events


def open_desk(files: dict[tuple[str, str], Path], **config: Any) -> Desk:
    return Desk(source="recording", recordings=files, **config)


@pytest.mark.parametrize("speed", [1.0, 20.0, 0.0])
def test_every_frame_after_the_snapshot_is_passed_on_unchanged(
    files: dict[tuple[str, str], Path],
    speed: float,
) -> None:
    desk = open_desk(files, speed=speed)
    venue, name = desk.exchange.futures, ("binance_usdm", "BTCUSDT")
    for stream in ("btcusdt@depth@0ms", "btcusdt@bookTicker", "btcusdt@trade"):
        assert venue.subscribe(stream)
    lines = list(read_lines(files[name]))
    snapshot = next(number for number, (_, stream, _) in enumerate(lines) if not stream)
    expected = [(stream, data) for _, stream, data in lines[snapshot + 1 :]]
    got = [(event.stream, event.payload) for event in play(desk) if "mark" not in event.stream]
    assert got == expected


def test_speed_maps_recorded_time_onto_the_clock(files: dict[tuple[str, str], Path]) -> None:
    slow, fast = open_desk(files, speed=1.0), open_desk(files, speed=10.0)
    play(slow)
    play(fast)
    assert (slow.now - START) / (fast.now - START) == pytest.approx(10, rel=0.05)


@pytest.mark.parametrize("venue_name", ["futures", "spot"])
def test_a_listener_can_join_at_any_time(files: dict[tuple[str, str], Path], venue_name: str) -> None:
    for pause in (0.0, 0.35, 1.2, 2.9):
        desk = open_desk(files)
        venue = getattr(desk.exchange, venue_name)
        play(desk, pause)
        venue.subscribe("btcusdt@depth@100ms")
        snapshot = venue.data.depth({"symbol": "BTCUSDT", "limit": 5000}, desk.now)
        last = snapshot["lastUpdateId"]
        frames = [json.loads(event.payload) for event in play(desk, pause + 1) if "@depth" in event.stream]
        if venue_name == "futures":
            frames = [frame for frame in frames if frame["u"] >= last]
            assert frames[0]["U"] <= last <= frames[0]["u"]
        else:
            frames = [frame for frame in frames if frame["u"] > last]
            assert frames[0]["U"] <= last + 1 <= frames[0]["u"]
        book: list[dict[str, Decimal]] = [
            {price: Decimal(qty) for price, qty in snapshot[side]} for side in ("bids", "asks")
        ]
        for frame in frames:
            for side, rows in zip(book, (frame["b"], frame["a"]), strict=True):
                for price, qty in rows:
                    side[price] = Decimal(qty)
        market = venue.markets["BTCUSDT"]
        for number, side in enumerate(book):
            lot = Decimal(market.instrument.lot)
            shown = {market.instrument.price_text(price): lots for price, lots in market.matcher.levels(number, 900)}
            assert {price: int(side.get(price, Decimal(0)) / lot) for price in shown} == shown


def test_the_touch_agrees_with_the_recorded_ticker(files: dict[tuple[str, str], Path]) -> None:
    desk = open_desk(files)
    desk.exchange.futures.subscribe("btcusdt@bookTicker")
    events = play(desk, 3)
    last = json.loads([event for event in events if event.stream == "btcusdt@bookTicker"][-1].payload)
    shown = desk.exchange.futures.data.book_ticker({"symbol": "BTCUSDT"}, desk.now)
    assert abs(float(shown["bidPrice"]) - float(last["b"])) < 1  # type: ignore[call-overload]


def test_orders_at_the_touch_fill_in_queue_order_and_are_booked(files: dict[tuple[str, str], Path]) -> None:
    desk = open_desk(files)
    bid, _, ask, _ = desk.best()
    desk.limit(desk.ann, "BUY", desk.price(bid), "0.010", timeInForce="GTX")
    desk.limit(desk.ann, "SELL", desk.price(ask), "0.010", timeInForce="GTX")
    play(desk)
    fills = desk.exchange.ledger(desk.ann)["binance_usdm"]["fills"]
    assert fills
    assert all(fill["maker"] and fill["tradeId"] > 9_000_000_000_000 for fill in fills)
    market = desk.market(desk.bob, "BUY", "0.500")
    assert market["status"] == "FILLED"
    lots = sum(account.positions["BTCUSDT"].lots for account in desk.exchange.futures.accounts.values())
    assert lots + desk.exchange.futures.clearing.crowd_lots["BTCUSDT"] == 0


def test_shifted_timestamps_follow_the_clock_and_change_nothing_else(files: dict[tuple[str, str], Path]) -> None:
    plain, shifted = open_desk(files), open_desk(files, shift_timestamps=True)
    stamp = re.compile(rb'"[ET]":\d{13}')
    kept, moved = [], []
    for desk, out in ((plain, kept), (shifted, moved)):
        desk.exchange.futures.subscribe("btcusdt@trade")
        out += [event.payload for event in play(desk, 3) if event.stream == "btcusdt@trade"]
    assert [stamp.sub(b"", payload) for payload in kept] == [stamp.sub(b"", payload) for payload in moved]
    times = [json.loads(payload)["T"] for payload in moved]
    assert times == sorted(times)
    assert 0 <= times[0] - START // 1_000_000 < 3000


def test_a_loop_goes_on_with_larger_ids(files: dict[tuple[str, str], Path]) -> None:
    desk = open_desk({("binance_usdm", "BTCUSDT"): files["binance_usdm", "BTCUSDT"]}, loop=True, speed=50.0)
    desk.exchange.futures.subscribe("btcusdt@depth@100ms")
    desk.exchange.futures.subscribe("btcusdt@trade")
    events = play(desk, 1.5)
    depth = [json.loads(event.payload) for event in events if "@depth" in event.stream]
    trades = [json.loads(event.payload)["t"] for event in events if event.stream == "btcusdt@trade"]
    gaps = sum(frame["pu"] != before["u"] for before, frame in itertools.pairwise(depth))
    assert 1 <= gaps <= 3
    assert trades == sorted(set(trades))
    assert [frame["u"] for frame in depth] == sorted({frame["u"] for frame in depth})


def test_wrong_recordings_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="found nothing at"):
        open_desk({("binance_usdm", "BTCUSDT"): tmp_path / "none.gz"})
    with pytest.raises(ConfigError, match="at least one file"):
        open_desk({})
    broken = tmp_path / "broken.txt"
    broken.write_text("not a line\n")
    with pytest.raises(ConfigError, match=r"broken.txt:1: expected"):
        open_desk({("binance_usdm", "BTCUSDT"): broken})
    broken.write_text('1 {"stream":"btcusdt@trade","data":{}}\n')
    with pytest.raises(ConfigError, match="REST snapshot"):
        open_desk({("binance_usdm", "BTCUSDT"): broken})
