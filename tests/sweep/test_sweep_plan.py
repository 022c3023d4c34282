"""Everything that is wrong is said before anything runs."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sweep_desk import CONFIG, LEVELS, SPREAD, START, START_NS, a_config, a_plan, config_file, no_data

from mmbot._core.types import Instrument
from mmbot.backtest.build import build
from mmbot.config import load, parse
from mmbot.errors import ConfigError
from mmbot.sweep import Request, make_plan
from mmbot.sweep.data import tapes_of, varies_tapes
from mmbot.sweep.split import Split, Window, by_share, by_windows
from mmbot.tape import TapeKind, TapeWriter
from mmbot.testing import INSTRUMENTS

HOUR = (datetime(2024, 8, 8, tzinfo=UTC), datetime(2024, 8, 8, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        ({}, "expected one of --grid, --random N and --optuna N; found none of them"),
        ({"grid": ["a=1"], "random": 3}, "found --grid and --random"),
        ({"random": 3}, "--random: nothing to vary"),
        ({"optuna": 3}, "--optuna: nothing to vary"),
        ({"grid": [f"{LEVELS}=1"], "vary": [f"{SPREAD}=uniform(1,2)"]}, "--vary goes with --random and --optuna"),
        ({"grid": ["strategy.params.levls=1"]}, "--grid strategy.params.levls: strategy.params.levls: unknown key"),
        ({"grid": ["risk.max_positon=1"]}, "--grid risk.max_positon: risk.max_positon: unknown key; did you mean"),
        ({"grid": [f"{LEVELS}=1,2,many"]}, f"--grid {LEVELS}: {LEVELS}: found 'many'"),
        ({"grid": [f"{LEVELS}=1,99"]}, f"--grid {LEVELS}: {LEVELS}: found 99"),
        ({"grid": ["risk.max_position=1,-1"]}, "--grid risk.max_position: risk.max_position: found -1"),
        ({"random": 5, "vary": [f"{SPREAD}=uniform(-1,2)"]}, f"--vary {SPREAD}: {SPREAD}: found -1.0"),
        ({"random": 5, "vary": [f"{LEVELS}=int(1,1000)"]}, f"--vary {LEVELS}: {LEVELS}: found 1000"),
        ({"grid": ["strategy.id=pmm,nobody"]}, "strategy 'nobody': not found"),
        ({"grid": [f"{LEVELS}=1"], "objective": "best:pnl"}, "--objective best:pnl"),
        ({"grid": [f"{LEVELS}=1"], "top": 0}, "--top 0: expected 1 or more"),
        ({"optuna": 5, "vary": [f"{LEVELS}=int(1,5)"], "batch": 0}, "--batch 0: expected 1 or more"),
        ({"grid": [f"{LEVELS}=1"], "gap_s": 5.0}, "--gap needs --split"),
        ({"grid": [f"{LEVELS}=1"], "split": 1.5}, "--split 1.5: expected a share of the time"),
        ({"grid": [f"{LEVELS}=1"], "split": 0.9, "gap_s": 600.0}, "--gap 600s: leaves nothing out of sample"),
        ({"grid": [f"{LEVELS}=1"], "split": 0.9, "inside": "2024-08-08.."}, "found both"),
        ({"grid": [f"{LEVELS}=1"], "inside": "2024-08-08.."}, "expected both --in and --out"),
        ({"grid": ["backtest.end=2024-08-08T00:05"], "split": 0.5}, "backtest.end: cannot be varied together"),
        ({"grid": ["backtest.rules=mmbot,hftbacktest"], "split": 0.5}, "--split: trials play different data"),
    ],
)
def test_what_is_wrong_is_named(request_: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError) as raised:
        make_plan(a_config(), Request(**request_), no_data)
    assert says in str(raised.value)
    assert raised.value.exit_code == 2


def test_the_identity_does_not_depend_on_how_it_is_run() -> None:
    assert a_plan(f"{LEVELS}=1,2").identity == a_plan(f"{LEVELS}=1:2:1", top=9).identity
    assert a_plan(f"{LEVELS}=1,2").identity != a_plan(f"{LEVELS}=1,3").identity
    assert a_plan(f"{LEVELS}=1,2").identity != a_plan(f"{LEVELS}=1,2", objective="fills").identity
    assert a_plan(f"{LEVELS}=1,2").identity != a_plan(f"{LEVELS}=1,2", split=0.5).identity


def test_the_identity_knows_config_plugin_and_data(tmp_path: Path) -> None:
    config = load(config_file(tmp_path, seconds=20))
    first = make_plan(config, Request(grid=[f"{LEVELS}=1"])).identity
    (tmp_path / "moved").mkdir()
    moved = make_plan(load(config_file(tmp_path / "moved", seconds=20)), Request(grid=[f"{LEVELS}=1"])).identity
    assert moved == first  # the same data in another place
    other = make_plan(load(config_file(tmp_path, seconds=21)), Request(grid=[f"{LEVELS}=1"])).identity
    assert {key for key in first if first[key] != other[key]} == {"data"}
    changed = make_plan(load(config.path or Path(), ["bot.timer_ms=77"]), Request(grid=[f"{LEVELS}=1"])).identity
    assert "config" in {key for key in first if first[key] != changed[key]}
    plugin = tmp_path / "pmm.py"
    plugin.write_text((Path(__file__).resolve().parents[2] / "strategies" / "pmm.py").read_text() + "\n# mine\n")
    mine = make_plan(load(config.path or Path()), Request(grid=[f"{LEVELS}=1"])).identity
    assert mine["plugin"]["code"] != first["plugin"]["code"]


def test_tapes_are_found_once_and_for_all(tmp_path: Path) -> None:
    data = tapes_of(load(config_file(tmp_path, seconds=60)))
    assert data.files == ((tmp_path / "made_up.tape").resolve(),)
    assert data.config.backtest is not None
    assert data.config.backtest.paths("perp_btc") == [(tmp_path / "made_up.tape").resolve()]
    assert (data.start, round((data.end - data.start).total_seconds())) == (START.replace(microsecond=500), 60)
    cut = tapes_of(load(config_file(tmp_path, seconds=60), ["backtest.start=2024-08-08T00:00:10Z"]))
    assert cut.start == START.replace(second=10)
    assert START.timestamp() * 1e9 == START_NS


def recorded(symbol: str, bid: str, ask: str) -> bytes:
    """Two lines of a recording: a book of USD-M and a trade in it."""
    ms = START_NS // 1_000_000
    book = {"e": "depthUpdate", "E": ms, "T": ms, "s": symbol, "U": 1, "u": 2, "pu": 0, "b": [[bid, "1"]]}
    print_ = {"e": "trade", "E": ms, "T": ms, "s": symbol, "t": 1, "p": ask, "q": "1", "X": "MARKET", "m": False}
    messages = (book | {"a": [[ask, "1"]]}, print_)
    return b"".join(f"{START_NS + 1_000_000} {json.dumps(message)}\n".encode() for message in messages)


def test_a_sweep_plays_the_tape_that_a_backtest_plays(tmp_path: Path) -> None:
    """Without the symbol it made another tape of the data, and of several markets in one file none at all."""
    raw = tmp_path / "both.txt"
    raw.write_bytes(recorded("BTCUSDT", "60000.0", "60000.1") + recorded("ETHUSDT", "2500.00", "2500.01"))
    kept = tmp_path / "kept"
    config = load(config_file(tmp_path, seconds=1), [f"backtest.data.perp_btc={raw}", f"backtest.cache={kept}"])
    found = tapes_of(config).files
    [played] = build(config).tapes["perp_btc"]
    assert [str(path) for path in found] == [played.path]
    assert played.instrument.venue_symbol == "BTCUSDT"
    assert len(list(kept.glob("*.tape"))) == 1


def test_a_tape_with_other_prices_alone_is_other_data(tmp_path: Path) -> None:
    """The same times, the same numbers of batches: their checksums tell them apart."""
    marks = []
    for price in (100, 101):
        with TapeWriter(tmp_path / "made_up.tape", Instrument(**INSTRUMENTS["perp_btc"]), {}) as writer:
            writer.append([1], [1], [1], [TapeKind.TRADE], [0], [3], [1], [(price, 1)])
            writer.close({})
        marks.append(tapes_of(parse(CONFIG.format(tape=tmp_path / "made_up.tape", runs=tmp_path))).marks)
    assert marks[0] != marks[1]


def test_a_bot_without_data_is_told_so() -> None:
    config = a_config().model_copy(update={"backtest": None})
    with pytest.raises(ConfigError, match="has no section `backtest`"):
        tapes_of(config)
    with pytest.raises(ConfigError, match=r"nowhere\.tape: not found"):
        tapes_of(a_config())


@pytest.mark.parametrize(
    ("key", "answer"),
    [("backtest.data.perp_btc", True), ("backtest", True), ("backtest.rules", True), ("venues.perp.kind", True),
     ("backtest.latency", False), ("strategy.params.levels", False), ("backtest.database", False)],
)  # fmt: skip
def test_which_keys_change_what_is_played(key: str, answer: bool) -> None:
    assert varies_tapes([key]) is answer


def test_a_split_by_share_leaves_a_gap() -> None:
    split = by_share(0.75, 60, *HOUR)
    assert split.describe() == {
        "in": "2024-08-08T00:00:00Z..2024-08-08T00:45:00Z", "out": "2024-08-08T00:46:00Z..2024-08-08T01:00:00Z",
    }  # fmt: skip


def test_a_split_by_windows_takes_iso_times() -> None:
    split = by_windows("..2024-08-08T12:00", "2024-08-08T14:00+02:00..")
    noon = datetime(2024, 8, 8, 12, tzinfo=UTC)
    assert split.inside == Window(None, noon)
    assert split.outside.overrides() == ("backtest.start=2024-08-08T12:00:00Z",)
    assert isinstance(split, Split)


@pytest.mark.parametrize(
    ("inside", "outside", "says"),
    [
        ("2024-08-08", "2024-08-09..", "--in 2024-08-08: expected FROM..TO"),
        ("..", "2024-08-09..", "--in ..: expected FROM..TO"),
        ("..2024-08-09", "monday..", "--out monday..: 'monday' is not a time"),
        ("2024-08-09..2024-08-08", "2024-08-10..", "--in 2024-08-09..2024-08-08: ends before it begins"),
        ("..2024-08-09", "2024-08-08..", "overlap"),
        ("..2024-08-09", "..2024-08-10", "overlap"),
    ],
)
def test_windows_that_make_no_sense_are_named(inside: str, outside: str, says: str) -> None:
    with pytest.raises(ConfigError) as raised:
        by_windows(inside, outside)
    assert says in str(raised.value)
