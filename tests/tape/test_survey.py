"""What a first look at a recording shows, and which market is meant."""

from __future__ import annotations

from pathlib import Path

import pytest
from raw_lines import depth, session, snapshot, write

from mmbot.errors import ConfigError
from mmbot.tape.survey import choose_symbol, survey, venue_symbols


@pytest.mark.parametrize(
    ("symbol", "name"),
    [("BTC/USDT:USDT", "BTCUSDT"), ("BTC/USDT", "BTCUSDT"), ("BTC/USD:BTC", "BTCUSD_PERP"), ("btcusdt", "BTCUSDT")],
)
def test_unified_symbols_are_known(symbol: str, name: str) -> None:
    assert venue_symbols(symbol) == (name,)


@pytest.mark.parametrize(
    ("recorded", "asked", "found"),
    [
        ({"BTCUSDT"}, None, "BTCUSDT"),
        ({"BTCUSDT", "ETHUSDT"}, "ETH/USDT", "ETHUSDT"),
        ({"BTCUSDT", "ETHUSDT"}, None, "choose one with --symbol: BTCUSDT, ETHUSDT"),
        ({"BTCUSDT", "ETHUSDT"}, "XRPUSDT", "expected --symbol to be one of BTCUSDT, ETHUSDT, found 'XRPUSDT'"),
    ],
)
def test_a_market_is_chosen_or_asked_for(recorded: set[str], asked: str | None, found: str) -> None:
    if found in recorded:
        assert choose_symbol(recorded, asked, "a.gz") == found
        return
    with pytest.raises(ConfigError, match=f"^a.gz: .*{found}"):
        choose_symbol(recorded, asked, "a.gz")


def test_the_finest_decimals_of_all_messages_are_the_units(tmp_path: Path) -> None:
    more = [snapshot(50, 30, 20, [("100.05", "1.0")], []), depth(60, 41, (21, 22, 20), [("1.0", "0.00010")], [])]
    path = write(tmp_path / "a.gz", [*session(), *more])
    seen = survey([path])
    assert (seen.messages["BTCUSDT"], seen.depth["BTCUSDT"]) == (5, 4)
    assert (seen.price_decimals["BTCUSDT"], seen.qty_decimals["BTCUSDT"]) == (2, 4)
    assert seen.venue_of("BTCUSDT") == "binance_usdm"
    assert survey([path], most=2).qty_decimals["BTCUSDT"] == 0
