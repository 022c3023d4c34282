"""Fees to the last 1e-8 whatever was rounded on the way, funding, and what a loss does."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from backtest_desk import ASIDE, BUY, SELL, Desk, Played, book, depth, instrument, inverse, mark, spot, trade

from mmbot._core.types import Instrument
from mmbot.backtest import run

END = depth(ASIDE / 1e6, BUY, (1, 1))
DAY_MS = 86_400_000


def churn(tmp_path: Path, one: Instrument, maker: str, fills: int = 40) -> Played:
    """Many small sells by a maker, of 1 to 7 lots each at changing prices."""
    desk = Desk(tmp_path, one, fees={"maker": maker, "taker": "0.0005"}, state_every_ms=1000)
    events, steps = [], []
    for i in range(fills):
        at, price = 10.0 * i, 61_807 + 13 * i
        events += [book(at, bid=price - 5, ask=price + 5), trade(at + 8, BUY, price + 100, 1)]
        steps.append((at + 1, [], [(price, 1 + i % 7)]))
    desk.tape(*events, END)
    desk.script(*steps)
    return desk.play()


def rounded(exact: Fraction) -> int:
    return round(exact * 10**8)


@pytest.mark.parametrize("maker", ["-0.00005", "0.000123457", "0.000000001", "0"])
@pytest.mark.parametrize("tick", ["0.1", "0.00001"])
def test_fees_add_up_to_the_exact_sum_rounded_once(tmp_path: Path, maker: str, tick: str) -> None:
    played = churn(tmp_path, instrument(tick_size=tick, lot_size="0.001"), maker)
    exact = sum(
        (f.price * Fraction(tick) * f.lots * Fraction("0.001") * Fraction(maker) for f in played.fills), Fraction(0)
    )
    assert len(played.fills) == 40
    assert sum(played.fees()) == rounded(exact)
    assert played.engine.markets[0].pnl.fees_e8 == rounded(exact)


def test_fees_of_an_inverse_contract_are_of_its_value_in_the_base_asset(tmp_path: Path) -> None:
    played = churn(tmp_path, inverse(tick_size="0.1"), "-0.000123457")
    exact = sum((Fraction(100 * f.lots) / (f.price * Fraction("0.1")) for f in played.fills), Fraction(0))
    assert sum(played.fees()) == rounded(exact * Fraction("-0.000123457"))


def test_a_single_fee_is_the_rate_of_its_notional(tmp_path: Path) -> None:
    desk = Desk(tmp_path, fees={"maker": "-0.0001", "taker": "0.0007"})
    desk.tape(book(0, bid=99, ask=101), trade(5, BUY, 102, 1), END)
    desk.script((1, [], [(101, 3)]))
    assert desk.play().fees() == [-3_030_000]  # 303 USDT * -0.0001


def hedged(tmp_path: Path, taker: int = BUY, **backtest: Any) -> Played:
    """2 of the perpetual are sold (or bought) at 5 ms, and hedged on spot at 100 (or 99)."""
    desk = Desk(tmp_path, instrument(), spot(), strategy={"acts": "always"}, hedge={}, **backtest)
    desk.tape(book(0, bid=99, ask=101, lots=1), trade(5, taker, 102 if taker == BUY else 98, 2), END)
    desk.tape(book(0, bid=99, ask=100, lots=9), END, market=1)
    desk.script((1, 0, [(99, 2)] if taker == SELL else [], [(101, 2)] if taker == BUY else []), (5.5, 0, [], []))
    return desk.play()


def test_each_market_has_its_own_fees(tmp_path: Path) -> None:
    played = hedged(tmp_path, fees={"maker": "0.001"}, markets={"m1": {"fees": {"taker": "0.002"}}})
    assert played.fees(0) == [20_200_000]  # maker: 202 * 0.001
    assert played.fees(1) == [40_000_000]  # taker: 200 * 0.002


def test_a_spot_buy_can_pay_in_what_it_receives(tmp_path: Path) -> None:
    played = hedged(tmp_path, markets={"m1": {"fees": {"taker": "0.001", "in_received": True}}})
    fill = next(f for f in played.arrays["fills"] if f["market"] == 1)
    assert played.prepared.assembly.assets[fill["fee_asset"]] == "BTC"
    assert fill["fee_e8"] == 200_000  # 2 BTC * 0.001
    assert fill["fee_settle_e8"] == 20_000_000  # worth 0.2 USDT
    assert played.engine.markets[1].net_delta == pytest.approx(1.998)


def test_a_spot_sell_pays_in_the_quote_asset_all_the_same(tmp_path: Path) -> None:
    played = hedged(tmp_path, SELL, markets={"m1": {"fees": {"taker": "0.001", "in_received": True}}})
    fill = next(f for f in played.arrays["fills"] if f["market"] == 1)
    assert (fill["side"], fill["price_ticks"], fill["qty_lots"]) == (SELL, 99, 2)
    assert played.prepared.assembly.assets[fill["fee_asset"]] == "USDT"
    assert fill["fee_e8"] == 19_800_000


def test_without_fees_in_the_config_those_of_the_instrument_hold(tmp_path: Path) -> None:
    desk = Desk(tmp_path, instrument(maker_fee=-0.00025))
    desk.tape(book(0, bid=99, ask=101), trade(5, BUY, 102, 1), END)
    desk.script((1, [], [(101, 4)]))
    assert desk.play().fees() == [-10_100_000]


def test_the_tier_that_the_turnover_reached_holds_from_the_next_utc_day(tmp_path: Path) -> None:
    tiers = [
        {"volume": 0, "maker": "0.001", "taker": "0.001"},
        {"volume": 150, "maker": "0.0005", "taker": "0.001"},
        {"volume": 10_000, "maker": "0.0001", "taker": "0.001"},
    ]
    desk = Desk(tmp_path, fees={"tiers": tiers, "volume": 0}, risk={"resume_after_s": 0})
    events, steps = [], []
    for at in (0, DAY_MS / 2, DAY_MS + 5000):
        events += [book(at, bid=99, ask=101), trade(at + 5008, BUY, 102, 1)]  # quiet enough to be stale in between
        steps.append((at + 5001, [], [(101, 1)]))
    desk.tape(*events, depth(DAY_MS + 60_000, BUY, (98, 1)))
    desk.script(*steps)
    # 202 USDT on the first day: the second tier, reached within it, holds on the second day.
    assert desk.play().fees() == [10_100_000, 10_100_000, 5_050_000]


def test_turnover_from_before_counts_at_once(tmp_path: Path) -> None:
    tiers = [{"volume": 0, "maker": "0.001", "taker": "0.001"}, {"volume": 150, "maker": "0.0005", "taker": "0.001"}]
    desk = Desk(tmp_path, fees={"tiers": tiers, "volume": 150})
    desk.tape(book(0, bid=99, ask=101), trade(5, BUY, 102, 1), END)
    desk.script((1, [], [(101, 1)]))
    assert desk.play().fees() == [5_050_000]


class TestFunding:
    """Paid when the exchange's next settlement time moves on."""

    def settled(self, tmp_path: Path, one: Instrument, taker: int, lots: int, price: float, rate: float) -> Played:  # noqa: PLR0917 - a row of a table
        desk = Desk(tmp_path, one)
        desk.tape(
            book(0, bid=99, ask=101), mark(1, 50.0, rate=0.5, settles=1000),
            trade(5, taker, 102 if taker == BUY else 98, 1),
            mark(20, price, rate=rate, settles=1000), mark(1001, 77.0, rate=0.9, settles=2000), END,
        )  # fmt: skip
        desk.script((2, [(99, lots)] if taker == SELL else [], [(101, lots)] if taker == BUY else []))
        return desk.play()

    @pytest.mark.parametrize(
        ("taker", "rate", "amount"),
        [(SELL, 0.0001, -2_000_000), (BUY, 0.0001, 2_000_000), (SELL, -0.0001, 2_000_000), (SELL, 0.0, 0)],
        ids=["a long pays", "a short receives", "a long receives at a negative rate", "no rate, no payment"],
    )
    def test_linear(self, tmp_path: Path, taker: int, rate: float, amount: int) -> None:
        played = self.settled(tmp_path, instrument(), taker, 2, 100.0, rate)
        assert played.told("funding") == [(1002.0, amount)]
        assert played.engine.markets[0].pnl.funding_e8 == amount
        assert played.arrays["state"]["funding_e8"][-1] == amount

    def test_exact_and_rounded_once(self, tmp_path: Path) -> None:
        played = self.settled(tmp_path, instrument(lot_size="0.001"), SELL, 7, 61_807.12345678, 0.000123456789)
        exact = -7 * Fraction("0.001") * Fraction("61807.12345678") * Fraction("0.000123456789")
        assert played.told("funding") == [(1002.0, rounded(exact))]

    def test_inverse(self, tmp_path: Path) -> None:
        # 3 contracts of 100 USD at 61,807.5 USD.
        played = self.settled(tmp_path, inverse(), SELL, 3, 61_807.5, 0.0001)
        assert played.told("funding") == [(1002.0, rounded(-Fraction(300) / Fraction("61807.5") / 10_000))]

    def test_without_a_position_nothing_is_paid(self, tmp_path: Path) -> None:
        desk = Desk(tmp_path)
        desk.tape(book(0, bid=99, ask=101), mark(1, 100, rate=0.1, settles=5), mark(6, 100, rate=0.1, settles=9), END)
        assert desk.play().told("funding") == []

    def test_a_settlement_time_that_stays_is_paid_once(self, tmp_path: Path) -> None:
        desk = Desk(tmp_path)
        later = [mark(1000 + i, 100.0, rate=0.0001, settles=2000) for i in range(1, 6)]
        desk.tape(
            book(0, bid=99, ask=101), mark(1, 100.0, rate=0.0001, settles=1000), trade(5, SELL, 98, 1), *later, END
        )
        desk.script((2, [(99, 2)], []))
        assert len(desk.play().told("funding")) == 1


def test_the_parts_of_the_profit_are_the_whole(tmp_path: Path) -> None:
    played = churn(tmp_path, instrument(tick_size="0.1", lot_size="0.001"), "0.000123457")
    last = played.arrays["state"][-1]
    cash = sum((f.price * f.lots for f in played.fills), 0)
    held = sum(f.lots for f in played.fills)
    value_e8 = Fraction(last["mid_x2"].item(), 2) * -held * 10_000 + cash * 10_000
    assert last["total_e8"] == value_e8 - last["fees_e8"]
    parts = last["spread_e8"] + last["inventory_e8"] + last["hedge_e8"] - last["fees_e8"] + last["funding_e8"]
    assert parts == last["total_e8"]


class TestLoss:
    """Limits of the session act in a backtest as they do live."""

    def falling(self, tmp_path: Path, rules: str, **risk: Any) -> Played:
        """5 are bought at 99, then the market falls by 1 every 100 ms, to 80, with 3 on each side."""
        desk = Desk(tmp_path, rules=rules, strategy={"acts": "always"}, risk=risk, bot={"timer_ms": 10})
        falls = [book(100.0 * i, bid=99 - i, ask=101 - i, lots=3) for i in range(1, 20)]
        desk.tape(book(0, bid=99, ask=101, lots=3), trade(5, SELL, 98, 9), *falls, END)
        desk.script((1, [(99, 5)], []), (50, [(60, 5)], []), (60, [(61, 5)], []), (1500, [(62, 5)], []))
        return desk.play()

    @pytest.mark.parametrize("rules", ["mmbot", "hftbacktest"])
    def test_a_daily_loss_flattens(self, tmp_path: Path, rules: str) -> None:
        played = self.falling(tmp_path, rules, max_daily_loss=20)
        # Bought 5 at 99: the mid of 95 at 500 ms is the first to lose 20.
        assert any("DAILY_LOSS breached" in text for text in played.notes)
        assert played.engine.markets[0].position_lots == 0
        sold = [f for f in played.fills if f.side == SELL]
        assert sum(f.lots for f in sold) == 5
        assert 500 < sold[0].at < 530  # the quotes are cancelled first
        assert all(order.state != "live" for order in played.orders)
        assert max(played.times("placed_ns")) < 600  # no quote after it, though the plugin asks for one

    def test_without_the_limit_it_stays_long(self, tmp_path: Path) -> None:
        played = self.falling(tmp_path, "mmbot")
        assert played.engine.markets[0].position_lots == 5

    def test_an_order_above_a_limit_is_not_sent(self, tmp_path: Path) -> None:
        played = self.falling(tmp_path, "mmbot", max_order_qty=4)
        assert played.orders == []
        assert played.engine.markets[0].position_lots == 0

    def test_an_account_that_is_used_up_is_liquidated(self, tmp_path: Path) -> None:
        desk = Desk(tmp_path, strategy={"acts": "always"}, balances={"USDT": 200}, bot={"timer_ms": 10},
                    risk={"shock_pct": 0, "min_liquidation_distance_pct": 0})  # fmt: skip
        falls = [book(100.0 * i, bid=99 - 5 * i, ask=101 - 5 * i, lots=3) for i in range(1, 12)]
        desk.tape(book(0, bid=99, ask=101, lots=3), trade(5, SELL, 98, 9), *falls, END)
        desk.script((1, [(99, 5)], []), (50, [(40, 1)], []))
        played = desk.play()
        # 200 + 5 * (mid - 99) is 5% of 5 * mid at a mid of 62.1: below it at 60, seen at 800.1 ms.
        assert any(text.startswith("liquidated") for text in played.notes)
        assert played.backtest.liquidated
        assert played.engine.markets[0].position_lots == 0
        assert [f[1:] for f in played.fills[1:]] == [(0, SELL, 59, 5)]
        assert 800 < played.fills[1].at <= 820  # the look after the one that values the position anew
        assert played.orders[-1].state == "canceled"
        result = run(desk.config(), out=tmp_path / "out")
        assert result.summary["exit_reason"] == "liquidated"
        assert (tmp_path / "out" / "fills.csv").read_text().splitlines()[-1].split(",")[1:5] == ["0", "SELL", "59", "5"]
