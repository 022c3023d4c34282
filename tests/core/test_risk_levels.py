"""Levels that prices or venues alone bring about, without an order of ours: near liquidation, and nowhere to hedge."""

from __future__ import annotations

import json

import pytest
from engine_desk import PERP, PERP2, SPOT, Desk

from mmbot._core.limits import RiskLevel
from mmbot._core.types import CommandKind, Purpose, Side

UNHEDGED = {"band": "1"}
TIERS = {"perp_btc": [("0", "0.004")]}


def wallet(desk: Desk, usdt: float) -> None:
    event = {"op": "balance", "venue": 0, "asset": 0, "wallet_e8": round(usdt * 1e8)}
    desk.do("on_account", json.dumps(event).encode(), desk.now_ns)


def falls(desk: Desk, share: float) -> None:
    """Every market's price is lower by so much, and time passes."""
    bid = round(600_000 * (1 - share))
    for market in (PERP, PERP2, SPOT):
        desk.book(market, bid, bid + 10)
    desk.tick()
    desk.settle()


def calm(desk: Desk, ms: int) -> None:
    """Quiet books for so long."""
    for _ in range(ms // 100):
        for market in (PERP, PERP2, SPOT):
            desk.book(market, desk.venues[market].touch[0], desk.venues[market].touch[1])
        desk.tick()
        desk.settle()


def long_ten() -> Desk:
    """Long 10 lots, 600 USDT, with 60 USDT behind them: liquidation is 9.6 % away."""
    desk = Desk(hedge=UNHEDGED, margin=TIERS, params={"levels": 1}, risk={"resume_after_s": "1"})
    wallet(desk, 60.0)
    desk.open()
    desk.trade(PERP, Side.BUY, 10)
    assert desk.engine.limits.level == RiskLevel.NORMAL
    return desk


def test_quotes_only_reduce_while_liquidation_is_nearer_than_allowed() -> None:
    """Bids placed while all was well stayed in the market while the price fell towards liquidation."""
    desk = long_ten()
    falls(desk, 0.04)
    assert desk.engine.limits.level == RiskLevel.NORMAL
    falls(desk, 0.055)
    assert desk.engine.limits.level == RiskLevel.REDUCE_ONLY
    assert [side for side, _ in desk.quotes()] == [Side.SELL]
    assert any("LIQUIDATION_NEAR breached" in note for note in desk.notes)
    wallet(desk, 200.0)
    calm(desk, 1_500)
    assert desk.engine.limits.level == RiskLevel.NORMAL
    assert [side for side, _ in desk.quotes()] == [Side.BUY, Side.SELL]


def test_positions_are_given_up_before_the_venue_takes_them() -> None:
    desk = long_ten()
    falls(desk, 0.085)
    assert desk.engine.limits.level == RiskLevel.FLATTEN
    calm(desk, 3_000)
    assert desk.engine.markets[PERP].position_lots == 0
    assert desk.fills[-1].purpose == Purpose.FLATTEN
    assert desk.quotes() == []  # only a person says when it goes on


@pytest.mark.parametrize(("distance", "level"), [("5", RiskLevel.REDUCE_ONLY), ("0", RiskLevel.NORMAL)])
def test_a_distance_of_nothing_is_not_watched(distance: str, level: RiskLevel) -> None:
    desk = Desk(
        hedge=UNHEDGED, margin=TIERS, params={"levels": 1},
        risk={"min_liquidation_distance_pct": distance, "flatten_distance_pct": "0"},
    )  # fmt: skip
    wallet(desk, 60.0)
    desk.open()
    desk.trade(PERP, Side.BUY, 10)
    falls(desk, 0.09)
    assert desk.engine.limits.level == level


def test_quotes_are_pulled_while_there_is_nowhere_to_hedge() -> None:
    """Quotes went on for as long as nothing was filled, though no fill could have been hedged."""
    desk = Desk().open()
    desk.command("trading", venue=1, up=False)
    calm(desk, 1_900)
    assert desk.quotes() != []
    calm(desk, 400)
    assert desk.engine.limits.level == RiskLevel.PULL_QUOTES
    assert desk.quotes() == []
    desk.command("trading", venue=1, up=True)
    desk.reconcile(1)
    calm(desk, 200)
    assert desk.engine.limits.level == RiskLevel.NORMAL
    assert desk.quotes() != []


@pytest.mark.parametrize("command", [
    {"op": "pause", "market": 3}, {"op": "resume", "market": -1}, {"op": "trading", "venue": 2, "up": True},
    {"op": "clock", "venue": -1, "offset_ns": 5},
])  # fmt: skip
def test_commands_about_what_does_not_exist_are_refused(command: dict[str, object]) -> None:
    """They wrote outside the engine's arrays."""
    desk = Desk().open()
    seq = desk.engine.seq
    with pytest.raises(IndexError, match="this engine"):
        desk.engine.on_command(json.dumps(command).encode(), desk.now_ns)
    with pytest.raises(IndexError, match="market 7: this engine has 3"):
        desk.engine.on_snapshot(7, b"{}", desk.now_ns)
    assert desk.engine.seq == seq
    assert not [c for c in desk.commands if c.kind == CommandKind.CANCEL_ORDER]
