"""The exchange's own books of a user, as exact decimal text: what the bot's ledger must equal to the last digit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mmbot.sim.instruments import money
from mmbot.sim.requests import SIDE_NAMES

if TYPE_CHECKING:
    from mmbot.sim.futures import FuturesVenue
    from mmbot.sim.orders import Fill
    from mmbot.sim.spot import SpotVenue
    from mmbot.sim.users import User


def _fill(fill: Fill) -> dict[str, Any]:
    instrument = fill.instrument
    return {
        "symbol": instrument.symbol,
        "tradeId": fill.trade_id,
        "orderId": fill.order_id,
        "clientOrderId": fill.client_id,
        "side": SIDE_NAMES[fill.side],
        "price": instrument.price_text(fill.price_ticks),
        "qty": instrument.qty_text(fill.qty_lots),
        "commission": money(fill.fee_e8),
        "commissionAsset": fill.fee_asset,
        "maker": fill.maker,
        "realizedPnl": money(fill.realized_e8),
        "time": fill.time_ms,
    }


def of_futures(venue: FuturesVenue, user: User) -> dict[str, Any]:
    """Wallets, positions, totals and fills on the futures venue; `funding` > 0 was received."""
    account = venue.accounts[user.index]
    return {
        "balances": {asset: money(amount) for asset, amount in account.wallets.items()},
        "positions": {
            symbol: position.instrument.qty_text(position.lots) for symbol, position in account.positions.items()
        },
        "realized": money(sum(position.realized_e8 for position in account.positions.values())),
        "fees": {account.asset: money(account.fees_e8)},
        "funding": money(account.funding_e8),
        "openOrders": len(venue.orders.open_of(user)),
        "fills": [_fill(fill) for fill in venue.fills[user.index]],
    }


def of_spot(venue: SpotVenue, user: User) -> dict[str, Any]:
    """Balances (free and locked together), fees and fills on the spot venue."""
    account = venue.accounts[user.index]
    return {
        "balances": {asset: money(account.total(asset)) for asset in account.free},
        "positions": {},
        "realized": money(0),
        "fees": {asset: money(amount) for asset, amount in account.fees.items()},
        "funding": money(0),
        "openOrders": len(venue.orders.open_of(user)),
        "fills": [_fill(fill) for fill in venue.fills[user.index]],
    }
