"""Every fill, fee and funding payment in our books is the exchange's to the last digit; what is filled is hedged."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Any

from processes import Bot, Exchange, until
from sqlalchemy import select

from mmbot.ledger import Balance, Fill, Ledger, Order, SymbolTotals, open_database


def totals(bot: Bot) -> dict[tuple[str, str], SymbolTotals]:
    database = open_database(f"sqlite:///{bot.run_dir.parent / 'ledger.db'}")
    try:
        return Ledger(database).totals()
    finally:
        database.dispose()


def hold_books(bot: Bot, exchange: Exchange) -> None:
    """Hold the ledger against the exchange's books."""
    ours, theirs = totals(bot), exchange.ledger()
    for key, kind in ((("perp", "BTC/USDT:USDT"), "binance_usdm"), (("spot", "BTC/USDT"), "binance_spot")):
        books, fills = ours[key], theirs[kind]["fills"]
        fees: dict[str, Decimal] = {}
        for fill in fills:
            asset = fill["commissionAsset"]
            fees[asset] = fees.get(asset, Decimal(0)) + Decimal(fill["commission"])
        assert books.fills == len(fills) > 0
        for side, amount in (("BUY", books.bought), ("SELL", books.sold)):
            assert amount == sum((Decimal(f["qty"]) for f in fills if f["side"] == side), Decimal(0))
        assert {k: v for k, v in books.fees.items() if v} == {k: v for k, v in fees.items() if v}


def hold_orders(bot: Bot, sent: int) -> None:
    """Every order that was sent has ended, and its fills are what it says."""
    database = open_database(f"sqlite:///{bot.run_dir.parent / 'ledger.db'}")
    with database.connect() as connection:
        orders = connection.execute(select(Order.order_num, Order.state, Order.qty, Order.filled)).all()
        fills = connection.execute(select(Fill.order_num, Fill.qty)).all()
        wallets = {(venue, asset) for venue, asset in connection.execute(select(Balance.venue, Balance.asset))}
    database.dispose()
    filled: defaultdict[int, Decimal] = defaultdict(Decimal)
    for num, qty in fills:
        filled[num] += qty
    assert len(orders) == sent
    assert {num: amount for num, _, _, amount in orders if amount} == filled
    assert all((state == "filled") == (qty == amount) for _, state, qty, amount in orders)
    assert {("perp", "USDT"), ("spot", "USDT"), ("spot", "BTC")} <= wallets


def test_fills_are_hedged_and_the_books_equal_the_exchanges(exchange: Exchange, start_bot: Any) -> None:
    bot: Bot = start_bot(exchange)
    bot.quoting().fills(12)
    summary = bot.stop()
    hold_books(bot, exchange)
    hold_orders(bot, summary["orders"]["sent"])
    theirs = exchange.ledger()
    assert summary["fills"] == sum(len(venue["fills"]) for venue in theirs.values())
    assert summary["hedge_fills"] >= 1
    assert summary["orders"]["rejected"] <= summary["orders"]["sent"] // 10
    # The band of the demo, and the least that spot takes: 5 USDT, under 0.0001 BTC.
    assert abs(summary["net_delta"]["BTC"]) <= 0.002 + 0.0002
    position = Decimal(theirs["binance_usdm"]["positions"].get("BTCUSDT", "0"))
    assert Decimal(summary["positions"]["perp_btc"]) == position
    assert Decimal(summary["pnl"]["total"]) == sum(
        Decimal(summary["pnl"][part]) for part in ("spread", "inventory", "hedge", "fees", "funding")
    )
    bot.verify()


def test_cash_at_the_exchange_is_explained_by_our_pnl(exchange: Exchange, start_bot: Any) -> None:
    before = Decimal(exchange.ledger()["binance_usdm"]["balances"]["USDT"])
    bot: Bot = start_bot(exchange)
    bot.quoting().fills(6)
    bot.ask("stop", flatten=True)
    assert bot.wait() == 0
    theirs = exchange.ledger()["binance_usdm"]
    books = totals(bot)["perp", "BTC/USDT:USDT"]
    # Flat again: the wallet moved by the cash of all trades, less fees, and nothing else.
    assert books.position == 0
    assert Decimal(theirs["balances"]["USDT"]) - before == books.cash - books.fees["USDT"]


def test_funding_is_booked_to_the_last_digit(start_exchange: Any, start_bot: Any) -> None:
    exchange: Exchange = start_exchange("--funding-interval", "8")

    def unhedged(config: dict[str, Any]) -> None:
        config["hedge"] = {}
        config["strategy"]["params"]["max_position"] = 0.05
        config["strategy"]["params"]["skew_bps"] = 0

    bot: Bot = start_bot(exchange, changes=unhedged)
    bot.quoting()

    def paid() -> bool:
        return Decimal(exchange.ledger()["binance_usdm"]["funding"]) != 0

    until(paid, "a funding payment", 45)
    until(lambda: bot.status()["pnl"]["funding"] != 0, "its booking")
    bot.ask("stop", flatten=True)  # nothing is paid for afterwards
    assert bot.wait() == 0
    summary, theirs = bot.summary(), exchange.ledger()["binance_usdm"]
    assert Decimal(summary["pnl"]["funding"]) == Decimal(theirs["funding"]) != 0
    bot.verify()
    assert totals(bot)["perp", "BTC/USDT:USDT"].funding["USDT"] == Decimal(theirs["funding"])


def test_funding_paid_while_the_bot_was_dead_is_in_the_ledger(start_exchange: Any, start_bot: Any) -> None:
    exchange: Exchange = start_exchange("--funding-interval", "6")

    def unhedged(config: dict[str, Any]) -> None:
        config["hedge"] = {}
        config["strategy"]["params"]["skew_bps"] = 0

    first: Bot = start_bot(exchange, changes=unhedged)
    first.quoting()
    until(lambda: Decimal(first.status()["markets"][0]["position"]) != 0, "a position")
    first.process.kill()
    first.process.communicate()
    paid = Decimal(exchange.ledger()["binance_usdm"]["funding"])
    until(lambda: Decimal(exchange.ledger()["binance_usdm"]["funding"]) != paid, "a payment without us", 20)
    second: Bot = start_bot(exchange, "--for", "5s", "--set", "bot.flatten_on_stop=true", changes=unhedged)
    assert second.wait() == 0
    assert second.summary()["exit_reason"] == "duration"
    theirs = exchange.ledger()["binance_usdm"]
    assert totals(second)["perp", "BTC/USDT:USDT"].funding["USDT"] == Decimal(theirs["funding"])
    hold_fills = totals(second)["perp", "BTC/USDT:USDT"].fills
    assert hold_fills == len(theirs["fills"])
