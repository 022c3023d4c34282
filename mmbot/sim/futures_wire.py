"""USD-M futures' shapes of orders, trades, accounts and private messages.

Samples: Binance's "User Data Streams" pages (``ORDER_TRADE_UPDATE``, ``ACCOUNT_UPDATE``, ``TRADE_LITE``) and the REST
pages of the same names; key order as there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mmbot.sim.candles import end_of
from mmbot.sim.instruments import E8, fixed, money
from mmbot.sim.requests import SIDE_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mmbot.sim.candles import Candle
    from mmbot.sim.futures_account import FuturesAccount, Income, Position
    from mmbot.sim.instruments import SimInstrument
    from mmbot.sim.marks import Mark
    from mmbot.sim.orders import Amendment, Fill, SimOrder

Answer = dict[str, Any]


def average_text(order: SimOrder) -> str:
    """Average fill price as orders show it."""
    return fixed(order.average_e8 // 1000, 5) if order.filled_lots else "0.00"


def order_answer(order: SimOrder) -> Answer:
    """GET /fapi/v1/order."""
    instrument = order.instrument
    return {
        "orderId": order.order_id,
        "symbol": instrument.symbol,
        "status": order.status,
        "clientOrderId": order.client_id,
        "price": instrument.price_text(order.price_ticks),
        "avgPrice": average_text(order),
        "origQty": instrument.qty_text(order.qty_lots),
        "executedQty": instrument.qty_text(order.filled_lots),
        "cumQuote": money(order.quote_e8),
        "timeInForce": _force(order),
        "type": order.kind,
        "reduceOnly": order.reduce_only,
        "closePosition": False,
        "side": SIDE_NAMES[order.side],
        "positionSide": "BOTH",
        "stopPrice": "0.00",
        "workingType": "CONTRACT_PRICE",
        "priceProtect": False,
        "origType": order.kind,
        "priceMatch": order.price_match,
        "selfTradePreventionMode": order.self_trade,
        "goodTillDate": order.good_till_ms,
        "time": order.time_ms,
        "updateTime": order.update_ms,
    }


def placed_answer(order: SimOrder, *, acknowledge: bool) -> Answer:
    """POST /fapi/v1/order: with `acknowledge` (ACK) the order as accepted, before any fill; else as it is now."""
    answer = order_answer(order)
    del answer["time"]
    instrument = order.instrument
    answer["cumQty"] = answer["executedQty"]
    if acknowledge:
        zero = instrument.qty_text(0)
        answer |= {"status": "NEW", "executedQty": zero, "cumQty": zero, "avgPrice": "0.00", "cumQuote": "0.00000"}
    return answer


def change_answer(order: SimOrder, change: Amendment) -> Answer:
    """One entry of GET /fapi/v1/orderAmendment."""
    instrument = order.instrument
    prices = [instrument.price_text(ticks) for ticks in change.price_ticks]
    quantities = [instrument.qty_text(lots) for lots in change.qty_lots]
    return {
        "amendmentId": change.number,
        "symbol": instrument.symbol,
        "pair": instrument.symbol,
        "orderId": order.order_id,
        "clientOrderId": order.client_id,
        "time": change.time_ms,
        "amendment": {
            "price": {"before": prices[0], "after": prices[1]},
            "origQty": {"before": quantities[0], "after": quantities[1]},
            "count": change.count,
        },
        "priceMatch": order.price_match,
    }


def sample_row(candle: Candle, interval: str) -> list[object]:
    """One candle of a price that nobody trades at (mark, index, premium): without volumes."""
    prices = (candle.open, candle.high, candle.low, candle.close)
    end_ms = end_of(candle.open_ms, interval) - 1
    return [candle.open_ms, *(money(price) for price in prices), "0", end_ms, "0", candle.count, "0", "0", "0"]


def _force(order: SimOrder) -> str:
    return "GTC" if order.kind == "MARKET" else order.time_in_force


def trade_answer(fill: Fill) -> Answer:
    """GET /fapi/v1/userTrades."""
    instrument = fill.instrument
    return {
        "symbol": instrument.symbol,
        "id": fill.trade_id,
        "orderId": fill.order_id,
        "side": SIDE_NAMES[fill.side],
        "price": instrument.price_text(fill.price_ticks),
        "qty": instrument.qty_text(fill.qty_lots),
        "realizedPnl": money(fill.realized_e8),
        "quoteQty": money(fill.quote_e8),
        "commission": money(fill.fee_e8),
        "commissionAsset": fill.fee_asset,
        "time": fill.time_ms,
        "positionSide": "BOTH",
        "buyer": fill.side == 0,
        "maker": fill.maker,
    }


def order_update(order: SimOrder, execution: str, fill: Fill | None, time_ms: int) -> Answer:
    """``ORDER_TRADE_UPDATE``."""
    instrument = order.instrument
    last = fill.qty_lots if fill else 0
    body: Answer = {
        "s": instrument.symbol,
        "c": order.client_id,
        "S": SIDE_NAMES[order.side],
        "o": order.kind,
        "f": _force(order),
        "q": instrument.qty_text(order.qty_lots),
        "p": instrument.price_text(order.price_ticks) if order.price_ticks else "0",
        "ap": fixed(order.average_e8 // 1000, 5) if order.filled_lots else "0",
        "sp": "0",
        "x": execution,
        "X": order.status,
        "i": order.order_id,
        "l": instrument.qty_text(last) if last else "0",
        "z": instrument.qty_text(order.filled_lots) if order.filled_lots else "0",
        "L": instrument.price_text(fill.price_ticks) if fill else "0",
    }
    if fill:
        body |= {"n": money(fill.fee_e8), "N": fill.fee_asset}
    buying, selling = (order.side == 0 and order.open), (order.side == 1 and order.open)
    left = money(instrument.notional_e8(order.price_ticks, order.left_lots))
    return {
        "e": "ORDER_TRADE_UPDATE",
        "T": time_ms,
        "E": time_ms,
        "o": body
        | {
            "T": time_ms,
            "t": fill.trade_id if fill else 0,
            "b": left if buying else "0",
            "a": left if selling else "0",
            "m": fill.maker if fill else False,
            "R": order.reduce_only,
            "wt": "CONTRACT_PRICE",
            "ot": order.kind,
            "ps": "BOTH",
            "cp": False,
            "rp": money(fill.realized_e8) if fill else "0",
            "pP": False,
            "si": 0,
            "ss": 0,
            "V": order.self_trade,
            "pm": order.price_match,
            "gtd": order.good_till_ms,
        },
    }


def trade_lite(order: SimOrder, fill: Fill, time_ms: int) -> Answer:
    """``TRADE_LITE``."""
    instrument = order.instrument
    return {
        "e": "TRADE_LITE",
        "E": time_ms,
        "T": time_ms,
        "s": instrument.symbol,
        "q": instrument.qty_text(order.qty_lots),
        "p": instrument.price_text(order.price_ticks) if order.price_ticks else "0",
        "m": fill.maker,
        "c": order.client_id,
        "S": SIDE_NAMES[order.side],
        "L": instrument.price_text(fill.price_ticks),
        "l": instrument.qty_text(fill.qty_lots),
        "t": fill.trade_id,
        "i": order.order_id,
    }


def account_update(
    account: FuturesAccount,
    reason: str,
    time_ms: int,
    positions: Iterable[Position],
    change_e8: int,
) -> Answer:
    """``ACCOUNT_UPDATE``; `change_e8` is the balance change that is neither PnL nor commission."""
    wallet = money(account.wallet_e8)
    return {
        "e": "ACCOUNT_UPDATE",
        "T": time_ms,
        "E": time_ms,
        "a": {
            "m": reason,
            "B": [{"a": account.asset, "wb": wallet, "cw": wallet, "bc": money(change_e8) if change_e8 else "0"}],
            "P": [
                {
                    "s": position.instrument.symbol,
                    "pa": position.instrument.qty_text(position.lots) if position.lots else "0",
                    "ep": money(position.entry_e8) if position.lots else "0",
                    "cr": money(position.realized_e8),
                    "up": money(position.unrealized_e8),
                    "mt": position.margin_type,
                    "iw": "0",
                    "ps": "BOTH",
                    "ma": account.asset,
                    "bep": money(position.break_even_e8) if position.lots else "0",
                }
                for position in positions
            ],
        },
    }


def position_answer(account: FuturesAccount, position: Position) -> Answer:
    """GET /fapi/v3/positionRisk, with the fields that only v2 has."""
    instrument, tier = position.instrument, position.instrument.tier(abs(position.notional_e8))
    cap = max((row.cap_e8 for row in instrument.tiers if row.leverage >= position.leverage), default=tier.cap_e8)
    return {
        "symbol": instrument.symbol,
        "positionSide": "BOTH",
        "positionAmt": instrument.qty_text(position.lots),
        "entryPrice": money(position.entry_e8) if position.lots else "0.0",
        "breakEvenPrice": money(position.break_even_e8) if position.lots else "0.0",
        "markPrice": money(position.mark.mark_e8),
        "unRealizedProfit": money(position.unrealized_e8),
        "liquidationPrice": money(account.liquidation_price_e8(position)) if position.lots else "0",
        "leverage": str(position.leverage),
        "maxNotionalValue": str(cap // E8),
        "marginType": position.margin_type,
        "isolatedMargin": "0.00000000",
        "isAutoAddMargin": "false",
        "notional": money(position.notional_e8),
        "isolatedWallet": "0",
        "marginAsset": account.asset,
        "initialMargin": money(position.initial_e8()),
        "maintMargin": money(position.maintenance_e8 if position.lots else 0),
        "positionInitialMargin": money(position.position_margin_e8),
        "openOrderInitialMargin": money(position.initial_e8() - position.position_margin_e8),
        "adl": 0,
        "bidNotional": money(position.buy_e8),
        "askNotional": money(position.sell_e8),
        "updateTime": position.update_ms,
    }


def balance_answer(account: FuturesAccount, asset: str, time_ms: int) -> Answer:
    """One entry of GET /fapi/v3/balance."""
    margin = asset == account.asset
    balance = account.wallets[asset]
    return {
        "accountAlias": f"SIM{account.user.index}",
        "asset": asset,
        "balance": money(balance),
        "crossWalletBalance": money(balance),
        "crossUnPnl": money(account.unrealized_e8 if margin else 0),
        "availableBalance": money(account.available_e8 if margin else balance),
        "maxWithdrawAmount": money(min(balance, account.available_e8) if margin else balance),
        "marginAvailable": True,
        "updateTime": time_ms,
    }


def account_answer(account: FuturesAccount, held: Iterable[Position], time_ms: int) -> Answer:
    """GET /fapi/v2/account, GET /fapi/v3/account; `held` are the positions to show."""
    position_margin = sum(position.position_margin_e8 for position in account.used.values())
    totals = {
        "InitialMargin": account.initial_e8,
        "MaintMargin": account.maintenance_e8,
        "WalletBalance": account.wallet_e8,
        "UnrealizedProfit": account.unrealized_e8,
        "MarginBalance": account.margin_balance_e8,
        "PositionInitialMargin": position_margin,
        "OpenOrderInitialMargin": account.initial_e8 - position_margin,
        "CrossWalletBalance": account.wallet_e8,
        "CrossUnPnl": account.unrealized_e8,
    }
    tail = {
        "availableBalance": money(account.available_e8),
        "maxWithdrawAmount": money(min(account.wallet_e8, account.available_e8)),
    }
    positions = []
    for position in held:
        shown = position_answer(account, position)
        positions.append(
            {
                **shown,
                "unrealizedProfit": shown["unRealizedProfit"],
                "isolated": False,
                "maxNotional": shown["maxNotionalValue"],
            }
        )
    return {
        "feeTier": 0,
        "canTrade": True,
        "canDeposit": True,
        "canWithdraw": True,
        "feeBurn": False,
        "updateTime": 0,
        "multiAssetsMargin": account.multi_assets,
        "tradeGroupId": -1,
        **{f"total{name}": money(value) for name, value in totals.items()},
        **tail,
        "assets": [
            {
                "asset": asset,
                **_asset_totals(totals if asset == account.asset else _idle(totals, wallet)),
                **(tail if asset == account.asset else dict.fromkeys(tail, money(wallet))),
                "marginAvailable": True,
                "updateTime": time_ms,
            }
            for asset, wallet in account.wallets.items()
        ],
        "positions": positions,
    }


def _idle(totals: dict[str, int], wallet_e8: int) -> dict[str, int]:
    """The totals of an asset that trading does not use."""
    return {name: wallet_e8 if name.endswith("Balance") else 0 for name in totals}


def _asset_totals(totals: dict[str, int]) -> Answer:
    return {name[0].lower() + name[1:]: money(value) for name, value in totals.items()}


def income_answer(income: Income) -> Answer:
    """One line of GET /fapi/v1/income."""
    return {
        "symbol": income.symbol,
        "incomeType": income.kind,
        "income": money(income.amount_e8),
        "asset": income.asset,
        "time": income.time_ms,
        "info": income.kind,
        "tranId": income.tran_id,
        "tradeId": income.trade_id,
    }


def mark_text(mark: Mark, time_ms: int) -> str:
    """``markPriceUpdate``."""
    return (
        f'{{"e":"markPriceUpdate","E":{time_ms},"s":"{mark.market.instrument.symbol}","p":"{money(mark.mark_e8)}",'
        f'"P":"{money(mark.index_e8)}","i":"{money(mark.index_e8)}","r":"{money(mark.rate_e8)}",'
        f'"T":{mark.next_funding_ns // 1_000_000}}}'
    )


def premium_answer(mark: Mark, time_ms: int) -> Answer:
    """GET /fapi/v1/premiumIndex."""
    return {
        "symbol": mark.market.instrument.symbol,
        "markPrice": money(mark.mark_e8),
        "indexPrice": money(mark.index_e8),
        "estimatedSettlePrice": money(mark.index_e8),
        "lastFundingRate": money(mark.rate_e8),
        "interestRate": "0.00010000",
        "nextFundingTime": mark.next_funding_ns // 1_000_000,
        "time": time_ms,
    }


def symbol_answer(instrument: SimInstrument) -> Answer:
    """One symbol of GET /fapi/v1/exchangeInfo."""
    return {
        "symbol": instrument.symbol,
        "pair": instrument.symbol,
        "contractType": "PERPETUAL",
        "deliveryDate": 4133404800000,
        "onboardDate": 1569398400000,
        "status": "TRADING",
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": instrument.base,
        "quoteAsset": instrument.quote,
        "marginAsset": instrument.quote,
        "pricePrecision": instrument.price_decimals,
        "quantityPrecision": instrument.qty_decimals,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": ["PoW"],
        "settlePlan": 0,
        "triggerProtect": "0.0500",
        "liquidationFee": instrument.liquidation_fee,
        "marketTakeBound": "0.05",
        "maxMoveOrderLimit": 10000,
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": instrument.min_price,
                "maxPrice": instrument.max_price,
                "tickSize": instrument.price_text(1),
            },
            {
                "filterType": "LOT_SIZE",
                "minQty": instrument.min_qty,
                "maxQty": instrument.max_qty,
                "stepSize": instrument.lot,
            },
            {
                "filterType": "MARKET_LOT_SIZE",
                "minQty": instrument.min_qty,
                "maxQty": instrument.market_max_qty,
                "stepSize": instrument.lot,
            },
            {"filterType": "MAX_NUM_ORDERS", "limit": instrument.max_open_orders},
            {"filterType": "MAX_NUM_ALGO_ORDERS", "limit": 10},
            {"filterType": "MIN_NOTIONAL", "notional": instrument.min_notional},
            {
                "filterType": "PERCENT_PRICE",
                "multiplierUp": f"{instrument.multiplier_up}00",
                "multiplierDown": f"{instrument.multiplier_down}00",
                "multiplierDecimal": "4",
            },
        ],
        "orderTypes": [
            "LIMIT",
            "MARKET",
            "STOP",
            "STOP_MARKET",
            "TAKE_PROFIT",
            "TAKE_PROFIT_MARKET",
            "TRAILING_STOP_MARKET",
        ],
        "timeInForce": ["GTC", "IOC", "FOK", "GTX", "GTD"],
    }


def force_order_text(order: SimOrder, fill: Fill) -> str:
    """``forceOrder``."""
    instrument = order.instrument
    return (
        f'{{"e":"forceOrder","E":{fill.time_ms},"o":{{"s":"{instrument.symbol}","S":"{SIDE_NAMES[order.side]}",'
        f'"o":"LIMIT","f":"IOC","q":"{instrument.qty_text(order.qty_lots)}","p":"{instrument.price_text(fill.price_ticks)}",'
        f'"ap":"{instrument.price_text(fill.price_ticks)}","X":"{order.status}","l":"{instrument.qty_text(fill.qty_lots)}",'
        f'"z":"{instrument.qty_text(order.filled_lots)}","T":{fill.time_ms}}}}}'
    )
