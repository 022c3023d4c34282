"""Money is conserved to the last digit, through trading, funding, liquidation and bankruptcy."""

from __future__ import annotations

import random
from dataclasses import replace
from decimal import Decimal

from exchange_desk import START, Desk

from mmbot.sim.events import Refused
from mmbot.sim.futures_account import Position
from mmbot.sim.instruments import USDM, e8, money, share, tiers
from mmbot.sim.marks import Mark

START_E8 = 2 * 100_000 * 10**8


def futures_cash(desk: Desk) -> int:
    """All wallets less signed position cost, the crowd's cash, the fees and the insurance fund: it never changes."""
    venue = desk.exchange.futures
    total = venue.clearing.crowd_cash_e8 + venue.clearing.fees_e8 + venue.clearing.insurance_e8
    for account in venue.accounts.values():
        total += account.wallet_e8
        for position in account.positions.values():
            total -= position.cost_e8 if position.lots > 0 else -position.cost_e8
    return total


def check(desk: Desk) -> None:
    futures, spot = desk.exchange.futures, desk.exchange.spot
    assert futures_cash(desk) == START_E8
    for symbol in futures.markets:
        lots = sum(account.positions[symbol].lots for account in futures.accounts.values())
        assert lots + futures.clearing.crowd_lots[symbol] == 0
    for asset, start in (("USDT", START_E8), ("BTC", 2 * e8("2"))):
        held = sum(account.total(asset) for account in spot.accounts.values())
        assert held + spot.crowd.get(asset, 0) + spot.fees.get(asset, 0) == start
    for user in (desk.ann, desk.bob):
        ours = spot.orders.open_of(user)
        assert spot.accounts[user.index].locked.get("BTC", 0) == sum(
            order.left_lots * order.instrument.lot_e8 for order in ours if order.side == 1
        )
        for symbol, position in futures.accounts[user.index].positions.items():
            buys = [o for o in futures.orders.open_of(user, symbol) if o.side == 0 and not o.reduce_only]
            assert position.buy_lots == sum(order.left_lots for order in buys)
            assert position.buy_e8 == sum(o.instrument.notional_e8(o.price_ticks, o.left_lots) for o in buys)


def trade_at_random(desk: Desk, chance: random.Random) -> None:
    user = chance.choice((desk.ann, desk.bob))
    venue = chance.choice(("futures", "spot"))
    side = chance.choice(("BUY", "SELL"))
    quantity = f"{chance.randrange(2, 60) / 1000:.3f}"
    bid, _, ask, _ = desk.best(venue)
    orders = getattr(desk.exchange, venue).orders.open_of(user)
    action = chance.random()
    try:
        if action < 0.2:
            desk.market(user, side, quantity, venue)
        elif action < 0.3 and venue == "futures":
            desk.market(user, side, quantity, venue, reduceOnly="true")
        elif action < 0.4 and orders:
            desk.ask("cancel_order", user, venue, orderId=chance.choice(orders).order_id)
        elif action < 0.5 and orders and venue == "futures":
            order = chance.choice(orders)
            desk.ask(
                "amend_order",
                user,
                orderId=order.order_id,
                side=("BUY", "SELL")[order.side],
                price=desk.price((bid, ask)[order.side]),
                quantity=quantity,
            )
        elif action < 0.55:
            desk.ask("cancel_all", user, venue)
        else:
            away = chance.randrange(-20, 40)
            price = desk.price(bid - away if side == "BUY" else ask + away, venue)
            force = chance.choice(("GTC", "IOC", "FOK", "GTX")) if venue == "futures" else "GTC"
            mode = chance.choice(("NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"))
            only = "true" if venue == "futures" and chance.random() < 0.2 else ""
            desk.limit(
                user,
                side,
                price,
                quantity,
                venue,
                timeInForce=force,
                selfTradePreventionMode=mode,
                reduceOnly=only,
            )
    except Refused:
        pass


def test_random_trading_conserves_everything() -> None:
    desk = Desk(activity=1.0, seed=11, funding_interval_s=5)
    chance = random.Random(5)
    for turn in range(1500):
        trade_at_random(desk, chance)
        desk.wait(0.01)
        if turn % 50 == 0:
            check(desk)
            desk.exchange.take_events()
    check(desk)
    fills = desk.exchange.futures.fills[1] + desk.exchange.spot.fills[1]
    assert len(fills) > 200
    assert any(fill.maker for fill in fills)
    assert desk.exchange.futures.accounts[1].funding_e8


def test_the_ledger_adds_up_from_its_own_fills() -> None:
    desk = Desk(activity=1.0, seed=12, funding_interval_s=5)
    chance = random.Random(6)
    for _ in range(800):
        trade_at_random(desk, chance)
        desk.wait(0.01)
    for user in (desk.ann, desk.bob):
        books = desk.exchange.ledger(user)
        futures, spot = books["binance_usdm"], books["binance_spot"]
        fees = sum(Decimal(fill["commission"]) for fill in futures["fills"])
        realized = sum(Decimal(fill["realizedPnl"]) for fill in futures["fills"])
        position = sum(Decimal(f["qty"]) * (1 if f["side"] == "BUY" else -1) for f in futures["fills"])
        assert fees == Decimal(futures["fees"]["USDT"])
        assert realized == Decimal(futures["realized"])
        assert position == Decimal(futures["positions"]["BTCUSDT"])
        assert Decimal(futures["balances"]["USDT"]) == 100_000 + realized - fees + Decimal(futures["funding"])
        usdt = Decimal(100_000)
        btc = Decimal(2)
        for fill in spot["fills"]:
            sign = 1 if fill["side"] == "BUY" else -1
            btc += sign * Decimal(fill["qty"])
            usdt -= sign * Decimal(fill["qty"]) * Decimal(fill["price"])
            if fill["commissionAsset"] == "BTC":
                btc -= Decimal(fill["commission"])
            else:
                usdt -= Decimal(fill["commission"])
        assert (usdt, btc) == (Decimal(spot["balances"]["USDT"]), Decimal(spot["balances"]["BTC"]))
        income = desk.exchange.futures.income(user, {"limit": "1000", "startTime": "0"}, desk.now)
        if len(income) < 1000:
            assert sum(Decimal(row["income"]) for row in income) == Decimal(futures["balances"]["USDT"]) - 100_000


def test_funding_is_paid_on_the_minute_by_longs_to_shorts() -> None:
    desk = Desk(funding_interval_s=60)
    desk.market(desk.ann, "BUY", "1.000")
    desk.market(desk.bob, "SELL", "1.000")
    desk.told(desk.ann)
    mark = desk.exchange.futures.clearing.marks["BTCUSDT"]
    wait_s = (mark.next_funding_ns - desk.now) / 1e9
    desk.wait(wait_s + 0.5)
    record = mark.history[-1]
    assert record.rate_e8 > 0
    update = desk.told(desk.ann, "ACCOUNT_UPDATE")[-1]["a"]
    paid = share(record.mark_e8, record.rate_e8)
    assert (update["m"], update["P"], update["B"][0]["bc"]) == ("FUNDING_FEE", [], money(-paid))
    ledger = desk.exchange.ledger(desk.ann)["binance_usdm"]
    assert ledger["funding"] == money(-paid)
    assert desk.exchange.ledger(desk.bob)["binance_usdm"]["funding"] == money(paid)
    history = desk.exchange.futures.funding_rate({"symbol": "BTCUSDT"}, desk.now)
    assert history[-1]["fundingRate"] == money(record.rate_e8)
    assert desk.ask("income", desk.ann, incomeType="FUNDING_FEE")[0]["income"] == money(-paid)
    check(desk)


def crash(desk: Desk, share_of_price: str) -> None:
    """Move the crowd's whole market by hand: every resting crowd order goes, and new ones stand elsewhere."""
    factor = Decimal(share_of_price)
    for venue in (desk.exchange.futures, desk.exchange.spot):
        market = venue.markets["BTCUSDT"]
        for side in (0, 1):
            for price, _ in market.matcher.levels(side):
                for order_id, owner, _ in market.matcher.queue(side, price):
                    if not owner:
                        market.matcher.cancel(order_id)
        centre = int(market.last_ticks * factor)
        market.matcher.place(-(10**9), 0, 0, centre - 1, 10**7)
        market.matcher.place(-(10**9) - 1, 0, 1, centre + 1, 10**7)
        market.publish(desk.now)


def test_a_position_below_maintenance_is_liquidated() -> None:
    desk = Desk()
    desk.ask("set_leverage", desk.ann, leverage="50")
    bought = desk.market(desk.ann, "BUY", "10.000")
    entry = Decimal(bought["avgPrice"])
    resting = desk.limit(desk.ann, "SELL", desk.price(int(entry * 10) + 3000), "0.010")
    liquidation = Decimal(desk.ask("position_risk", desk.ann)[0]["liquidationPrice"])
    assert entry * Decimal("0.8") < liquidation < entry * Decimal("0.87")
    desk.told(desk.ann)
    desk.exchange.futures.subscribe("btcusdt@forceOrder")
    crash(desk, "0.8424")
    desk.wait(2)
    updates = [m["o"] for m in desk.told(desk.ann, "ORDER_TRADE_UPDATE")]
    assert (updates[0]["i"], updates[0]["X"]) == (resting["orderId"], "CANCELED")
    closing = updates[-1]
    assert closing["c"].startswith("autoclose-")
    assert (closing["x"], closing["X"], closing["S"], closing["z"]) == ("CALCULATED", "FILLED", "SELL", "10.000")
    account = desk.exchange.futures.accounts[1]
    assert account.positions["BTCUSDT"].lots == 0
    assert account.wallet_e8 >= 0
    assert desk.exchange.futures.clearing.insurance_e8 > 0
    assert desk.ask("force_orders", desk.ann)[0]["clientOrderId"] == closing["c"]
    check(desk)


def test_the_insurance_fund_covers_a_bankruptcy() -> None:
    desk = Desk()
    desk.ask("set_leverage", desk.ann, leverage="50")
    desk.market(desk.ann, "BUY", "10.000")
    crash(desk, "0.7")
    desk.wait(2)
    account = desk.exchange.futures.accounts[1]
    assert account.wallet_e8 == 0
    assert desk.exchange.futures.clearing.insurance_e8 < 0
    check(desk)


def test_the_worked_example_of_the_maintenance_deduction() -> None:
    """cum of the second tier = 250,000 * (1 % - 0.5 %) = 1,250, and 50 more from the first: Binance's FAQ numbers."""
    rows = tiers([(50_000, 125, "0.004"), (250_000, 100, "0.005"), (1_000_000, 50, "0.01")])
    assert [tier.deduction_e8 for tier in rows] == [0, e8("50"), e8("1300")]


def test_liquidation_price_of_the_published_example() -> None:
    """Binance's FAQ: a cross long of 109.488 BTC at 32,481.98 beside 3,683.979 ETH at 1,456.84."""
    desk = Desk(symbols=("BTCUSDT", "ETHUSDT"))
    account = desk.exchange.futures.accounts[1]
    account.wallets["USDT"] = e8("1535443.01")
    flat = {"BTCUSDT": ("0.025", 16_300), "ETHUSDT": ("0.1", 135_365)}
    sides = {"BTCUSDT": ("32481.98", 109_488, "31967.27"), "ETHUSDT": ("1456.84", 3_683_979, "1335.18")}
    for symbol, (entry, lots, mark_price) in sides.items():
        rate, deduction = flat[symbol]
        instrument = USDM[symbol]
        tier = tiers([(10**9, 20, rate)])[0]
        tier = replace(tier, deduction_e8=deduction * 10**8)
        changed = replace(instrument, tiers=(tier,))
        mark = desk.exchange.futures.clearing.marks[symbol]
        mark.mark_e8 = e8(mark_price)
        account.used[symbol] = Position(
            changed,
            mark,
            lots=lots,
            cost_e8=lots * e8(entry) // 1000,
        )
    got = {symbol: account.liquidation_price_e8(position) / 1e8 for symbol, position in account.used.items()}
    assert abs(got["BTCUSDT"] - 26_316.89) < 0.01
    assert abs(got["ETHUSDT"] - 1_153.26) < 0.01


def test_the_funding_rate_follows_the_formula() -> None:
    desk = Desk(funding_interval_s=28_800)
    futures = desk.exchange.futures.markets["BTCUSDT"]
    mark = Mark(futures, None, interval_ns=28_800 * 10**9, start_ns=START)
    assert mark.rate_e8 == 10_000  # without a premium, the interest of 0.01 %
    mark._weighted, mark._samples = 3 * 0.002, 2  # weights 1 and 2, each with a premium of 0.2 %
    assert mark._rate() == 150_000  # 0.2 % - 0.05 %
    mark._weighted = 3 * -0.002
    assert mark._rate() == -150_000
    mark._weighted = 3 * 0.0003
    assert mark._rate() == 10_000  # within 0.05 % of the interest: the interest
    mark._weighted = 3 * 0.1
    assert mark._rate() == 300_000  # the cap
    short = Mark(futures, None, interval_ns=3600 * 10**9, start_ns=START)
    assert short.rate_e8 == 1_250  # an eighth in an hour
