"""From a specification to an engine: the same plain data gives the same bot, and limits mean what the config says."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from mmbot._core.limits import Cause, RiskLevel
from mmbot._core.types import Instrument
from mmbot.assembly import (
    DEFAULT_TIERS,
    PluginSpec,
    Restored,
    Spec,
    SwapRecord,
    assemble,
    candidate,
    instrument_fields,
)
from mmbot.errors import ConfigError, PluginError
from mmbot.plugins import load_source

sys.path.append(str(Path(__file__).parent / "core"))

from engine_desk import INSTRUMENTS, LADDER, PERP, PERP2, SPOT, Desk


def gate(desk: Desk, market: int) -> dict[str, Any]:
    """A market's state in the risk gate."""
    return desk.engine.execution.gate.market_state(market)


def test_a_limit_of_more_lots_than_can_be_counted_limits_nothing() -> None:
    limits = gate(Desk(risk={"max_order_qty": "1e30", "max_position": "1e30"}), PERP)["limits"]
    assert limits["max_position_lots"] >= 10**18
    assert limits["max_order_lots"] >= 10**18


def test_a_spec_survives_its_bytes() -> None:
    spec = Desk(
        restored={"perp_btc": Restored(3, "59000.5", 0, None, [(0, 7)])}, margin={"perp_btc": [("0", "0.01")]}
    ).spec
    assert Spec.decode(spec.encode()) == spec
    with pytest.raises(msgspec.DecodeError):
        Spec.decode(b"{}")


def test_an_older_spec_without_tiers_is_still_read() -> None:
    plain = msgspec.json.decode(Desk().spec.encode())
    del plain["margin"], plain["restored"]
    engine = assemble(Spec.decode(msgspec.json.encode(plain))).engine
    assert engine.execution.gate.market_state(PERP)["margin"]["mmr"][0] == float(DEFAULT_TIERS[0][1])


def test_instruments_are_plain_data_and_back() -> None:
    first = Instrument(**INSTRUMENTS["perp_btc"])
    assert instrument_fields(Instrument(**instrument_fields(first))) == instrument_fields(first)


def test_limits_reach_the_gate_in_its_units() -> None:
    risk = {"max_order_qty": "0.25", "max_position": "0.75", "max_order_notional": "1234.5", "price_band_bps": "50"}
    limits = gate(Desk(risk=risk), PERP)["limits"]
    assert (limits["max_order_lots"], limits["max_position_lots"]) == (250, 750)
    assert limits["max_order_notional_e8"] == 123_450_000_000
    assert limits["price_band"] == pytest.approx(0.005)


def test_a_market_may_have_limits_of_its_own() -> None:
    desk = Desk(risk={"markets": "{perp_btc: {max_order_qty: 0.002, max_open_orders: 1}}"})
    assert gate(desk, PERP)["limits"]["max_order_lots"] == 2
    assert gate(desk, PERP)["limits"]["max_open_orders"] == 1
    assert gate(desk, PERP2)["limits"]["max_order_lots"] == 1000


@pytest.mark.parametrize(("shock", "distance", "move"), [(2, 5, 0.071), (0, 0, 0.0), (100, 100, 0.99)])
def test_shock_and_distance_make_one_move(shock: int, distance: int, move: float) -> None:
    desk = Desk(risk={"shock_pct": str(shock), "min_liquidation_distance_pct": str(distance)})
    assert gate(desk, PERP)["limits"]["shock"] == pytest.approx(move)
    assert gate(desk, PERP)["has_margin"]
    assert not gate(desk, SPOT)["has_margin"]


def test_the_venues_tiers_come_before_the_cautious_ones() -> None:
    desk = Desk(margin={"perp_btc": [("0", "0.004"), ("50000", "0.005")]})
    assert gate(desk, PERP)["margin"]["mmr"][:2] == [0.004, 0.005]
    assert gate(desk, PERP2)["margin"]["mmr"][0] == 0.05


def test_every_limit_says_how_it_is_left() -> None:
    limits = Desk().engine.limits
    assert limits.way_out(Cause.DAILY_LOSS) == "daily_loss: only by resume"
    assert "by itself" in limits.way_out(Cause.REJECT_STREAK)
    limits.observe(Cause.DAILY_LOSS, 5_000 * 10**8, 1)
    assert limits.level == RiskLevel.FLATTEN


def test_makers_and_hedges_of_a_group() -> None:
    desk = Desk(hedge={"markets": "[perp2_btc, spot_btc]"}, second="maker", makers="perp_btc, perp2_btc")
    (group,) = desk.engine.groups
    assert [m.id for m in group.makers] == ["perp_btc"]
    assert [m.id for m in group.hedges] == ["perp2_btc", "spot_btc"]
    assert desk.assembly.hedged["BTC"] is group


def test_assets_get_numbers_and_the_table_ends() -> None:
    assembly = Desk().assembly
    assert assembly.asset_index("USDT") == 0
    assert assembly.asset_index("BNB") == assembly.asset_index("BNB")
    with pytest.raises(ValueError, match="more than 32"):
        for number in range(40):
            assembly.asset_index(f"COIN{number}")


def test_a_swap_record_loads_the_code_it_names() -> None:
    plugin = load_source(LADDER, Path("ladder.py"))
    record = SwapRecord(PluginSpec.of(plugin, plugin.params({"lots": 3})), 5)
    again = msgspec.json.decode(msgspec.json.encode(record), type=SwapRecord)
    made, params = candidate(again.plugin)
    assert params.lots == 3  # type: ignore[attr-defined]
    assert type(made).__name__ == "Ladder"


def test_params_that_do_not_fit_are_a_plugin_error() -> None:
    with pytest.raises(PluginError):
        Desk(params={"lots": -1})


def test_hedge_markets_are_not_quoted_even_when_a_plugin_asks() -> None:
    source = """
from mmbot.strategy import Market, Params, Strategy
class EagerParams(Params):
    pass
class Eager(Strategy):
    def on_book(self, market: Market) -> None:
        self.quote(market, [(market.bid_ticks - 10, 5)])
"""
    desk = Desk(source, strategy="observes: [spot_btc]").open()
    assert desk.quotes(PERP) == [(0, 599_990)]
    assert desk.quotes(SPOT) == []
    desk.book(SPOT, 6_000_200, 6_000_300)
    told = [note for note in desk.notes if note.startswith("ladder: quotes on spot_btc are ignored")]
    assert len(told) == 1  # they once went nowhere without a word


def test_a_hedge_market_of_another_asset_is_refused_once_it_is_known() -> None:
    """By its symbol BTCDOMUSDT may hedge BTC; what the venue says of it is another thing."""
    spec = Desk().spec
    other = spec.instruments | {"spot_btc": spec.instruments["spot_btc"] | {"base_asset": "BTCDOM"}}
    with pytest.raises(ConfigError, match="spot_btc trades BTCDOM, which does not hedge BTC"):
        assemble(msgspec.structs.replace(spec, instruments=other))
