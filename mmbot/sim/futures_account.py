"""A futures account: wallet, positions at cost, cross margin. Exact integers; it knows nothing of messages."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmbot.sim.instruments import SimInstrument
    from mmbot.sim.marks import Mark
    from mmbot.sim.users import User


@dataclass(slots=True)
class Position:
    """A one-way position of one symbol.

    Attributes:
        lots: signed.
        cost_e8: what the open lots were traded for, never negative: entry price = cost / quantity, exactly.
        realized_e8: since the account was opened, without fees and funding (the wire's ``cr``).
        buy_lots, sell_lots, buy_e8, sell_e8: working orders that may increase it, in lots and at their limit prices.
    """

    instrument: SimInstrument
    mark: Mark
    lots: int = 0
    cost_e8: int = 0
    realized_e8: int = 0
    fees_e8: int = 0
    leverage: int = 20
    margin_type: str = "cross"
    update_ms: int = 0
    buy_lots: int = 0
    sell_lots: int = 0
    buy_e8: int = 0
    sell_e8: int = 0

    def trade(self, side: int, lots: int, quote_e8: int) -> int:
        """Book a trade; returns the PnL it realises (average cost, the cost of what is closed rounded down)."""
        signed = lots if side == 0 else -lots
        if self.lots == 0 or (self.lots > 0) == (signed > 0):
            self.lots += signed
            self.cost_e8 += quote_e8
            return 0
        closed = min(lots, abs(self.lots))
        cost_e8 = self.cost_e8 * closed // abs(self.lots)
        value_e8 = quote_e8 * closed // lots
        realized = value_e8 - cost_e8 if self.lots > 0 else cost_e8 - value_e8
        self.lots += signed
        self.cost_e8 -= cost_e8
        if closed < lots:
            self.cost_e8 = quote_e8 - value_e8
        self.realized_e8 += realized
        return realized

    @property
    def entry_e8(self) -> int:
        """Average entry price, rounded down to 1e-8; 0 without a position."""
        return self.cost_e8 * 100_000_000 // (abs(self.lots) * self.instrument.lot_e8) if self.lots else 0

    @property
    def break_even_e8(self) -> int:
        """Entry price with one more taker fee on it; 0 without a position."""
        fee = self.entry_e8 * self.instrument.taker_e8 // 100_000_000
        return (self.entry_e8 + fee if self.lots > 0 else self.entry_e8 - fee) if self.lots else 0

    @property
    def notional_e8(self) -> int:
        """Value at the mark price, signed."""
        value = self.instrument.value_e8(self.mark.mark_e8, abs(self.lots))
        return value if self.lots >= 0 else -value

    @property
    def unrealized_e8(self) -> int:
        """At the mark price."""
        if not self.lots:
            return 0
        return self.notional_e8 - self.cost_e8 if self.lots > 0 else self.notional_e8 + self.cost_e8

    @property
    def maintenance_e8(self) -> int:
        """Maintenance margin by tier."""
        value = abs(self.notional_e8)
        tier = self.instrument.tier(value)
        return max(0, value * tier.maintenance_e8 // 100_000_000 - tier.deduction_e8)

    def initial_e8(self, extra_buy_e8: int = 0, extra_sell_e8: int = 0) -> int:
        """Initial margin of position and working orders: the worse of all buys filled and all sells filled."""
        return self.exposure_e8(extra_buy_e8, extra_sell_e8) // self.leverage

    def exposure_e8(self, extra_buy_e8: int = 0, extra_sell_e8: int = 0) -> int:
        """Largest notional that the position may reach when one side's working orders all fill."""
        value = self.notional_e8
        return max(abs(value + self.buy_e8 + extra_buy_e8), abs(value - self.sell_e8 - extra_sell_e8))

    @property
    def position_margin_e8(self) -> int:
        """Initial margin of the position alone."""
        return abs(self.notional_e8) // self.leverage


@dataclass(frozen=True, slots=True)
class Income:
    """One line of the income history."""

    kind: str
    symbol: str
    amount_e8: int
    asset: str
    time_ms: int
    tran_id: int
    trade_id: str = ""


@dataclass(slots=True)
class FuturesAccount:
    """One user's futures wallet, in one margin asset.

    Attributes:
        wallets: asset -> wallet balance; trading uses `asset`.
        positions: of every listed symbol.
        used: those that ever had a trade or an order; all others are zero, and there may be a thousand of them.
        funding_e8: received (> 0) and paid in total.
    """

    user: User
    wallets: dict[str, int]
    asset: str = "USDT"
    positions: dict[str, Position] = field(default_factory=dict)
    used: dict[str, Position] = field(default_factory=dict)
    income: list[Income] = field(default_factory=list)
    fees_e8: int = 0
    funding_e8: int = 0
    multi_assets: bool = False

    @property
    def wallet_e8(self) -> int:
        """Balance of the margin asset, without unrealised PnL."""
        return self.wallets.get(self.asset, 0)

    @property
    def unrealized_e8(self) -> int:
        """Of all positions."""
        return sum(position.unrealized_e8 for position in self.used.values())

    @property
    def margin_balance_e8(self) -> int:
        """Wallet and unrealised PnL."""
        return self.wallet_e8 + self.unrealized_e8

    @property
    def initial_e8(self) -> int:
        """Initial margin in use."""
        return sum(position.initial_e8() for position in self.used.values())

    @property
    def maintenance_e8(self) -> int:
        """Maintenance margin needed."""
        return sum(position.maintenance_e8 for position in self.used.values() if position.lots)

    @property
    def available_e8(self) -> int:
        """Free for new orders."""
        return max(0, self.margin_balance_e8 - self.initial_e8)

    def use(self, symbol: str) -> Position:
        """The position of a symbol that is about to be traded."""
        position = self.used.get(symbol)
        if position is None:
            position = self.used[symbol] = self.positions[symbol]
        return position

    def credit(self, amount_e8: int) -> None:
        """Change the wallet of the margin asset."""
        self.wallets[self.asset] = self.wallet_e8 + amount_e8

    def liquidation_price_e8(self, position: Position) -> int:
        """Mark price at which this position is liquidated, all others unchanged; 0 if there is none.

        Binance's formula for one-way cross margin: (WB - TMM1 + UPNL1 + cum - side*q*EP) / (q*MMR - side*q).
        """
        if not position.lots:
            return 0
        others = [other for other in self.used.values() if other is not position and other.lots]
        tier = position.instrument.tier(abs(position.notional_e8))
        signed_cost = position.cost_e8 if position.lots > 0 else -position.cost_e8
        top = (
            self.wallet_e8
            - sum(other.maintenance_e8 for other in others)
            + sum(other.unrealized_e8 for other in others)
            + tier.deduction_e8
            - signed_cost
        )
        side = 1 if position.lots > 0 else -1
        bottom = abs(position.lots) * position.instrument.lot_e8 * (tier.maintenance_e8 - side * 100_000_000)
        return max(0, top * 10**16 // bottom)
