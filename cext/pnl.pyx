"""Exact attribution of PnL; the contract is ``mmbot/_core/pnl.pxd``."""

from decimal import Decimal, localcontext

from libc.stdint cimport int64_t

from mmbot._core.exact cimport div_half_even, int128, scale_e8
from mmbot._core.position cimport value_unit_of
from mmbot._core.types cimport BUY, Instrument, Purpose, SELL

cdef int64_t LIMIT = <int64_t>1 << 53
cdef int64_t E8 = 100_000_000
cdef int64_t HALF_INVERSE_SCALE = 4 * 10**18        # 1e18, twice for half units and twice for a price in half ticks
_EXACT_DIGITS = 80


cdef inline int128 half_value(const ValueUnit* unit, int64_t price_x2, int64_t lots) noexcept nogil:
    """Worth of signed `lots` in half value units at a price in half ticks."""
    if unit.inverse:
        return -div_half_even(<int128>lots * <int128>HALF_INVERSE_SCALE, <int128>price_x2)
    return <int128>price_x2 * <int128>lots


cdef class PnlAttribution:
    """Splits the PnL of one market into spread, hedge, inventory, fees and funding, which add up to it exactly.

    Args:
        instrument: fixes what a tick and a lot are worth.
        settle_asset: fee-table index of the asset the market pays in; fees in it need no rate.

    A fee in another asset is converted at the rate known when it is paid (`set_rate`); without one it is kept apart, in
    its own asset, and is not part of the total.

    Raises:
        ValueError: units too far apart, or the index is outside the fee table.
    """

    def __cinit__(self, Instrument instrument not None, int settle_asset=0):
        value_unit_of(instrument, &self.unit)
        if not 0 <= settle_asset < MAX_ASSETS:
            raise ValueError(f"settlement asset index {settle_asset} is outside 0..{MAX_ASSETS - 1}")
        self.settle_asset = settle_asset

    cdef int on_fill(self, int side, int64_t price_ticks, int64_t qty_lots, int64_t mid_x2, int purpose) noexcept nogil:
        cdef int64_t signed_lots
        cdef int128 paid, after, edge
        if side != BUY and side != SELL or not 0 < price_ticks <= LIMIT or not 0 < qty_lots <= LIMIT:
            return -1
        signed_lots = qty_lots if side == BUY else -qty_lots
        if not -LIMIT <= self.lots + signed_lots <= LIMIT:
            return -1
        if mid_x2 <= 0 and self.mid_x2 == 0:
            mid_x2 = 2 * price_ticks
        self.on_mid(mid_x2)
        paid = half_value(&self.unit, 2 * price_ticks, signed_lots)
        after = half_value(&self.unit, self.mid_x2, self.lots + signed_lots)
        edge = after - self.held - paid
        if purpose == Purpose.QUOTE:
            self.spread += edge
        else:
            self.hedge += edge
        self.cash -= paid
        self.held = after
        self.lots += signed_lots
        return 0

    cdef void on_mid(self, int64_t mid_x2) noexcept nogil:
        cdef int128 now
        if mid_x2 <= 0 or mid_x2 == self.mid_x2:
            return
        self.mid_x2 = mid_x2
        now = half_value(&self.unit, mid_x2, self.lots)
        self.inventory += now - self.held
        self.held = now

    cdef int on_fee(self, int asset, int64_t fee_e8) noexcept nogil:
        if not 0 <= asset < MAX_ASSETS:
            return -1
        if asset == self.settle_asset:
            self.fees_e8 += fee_e8
        elif self.rate_e8[asset] > 0:
            self.fees_e8 += scale_e8(<int128>fee_e8, self.rate_e8[asset], E8)
        else:
            self.apart_e8[asset] += fee_e8
        return 0

    cdef void on_funding(self, int64_t amount_e8) noexcept nogil:
        self.funding_e8 += amount_e8

    cdef void set_rate(self, int asset, int64_t rate_e8) noexcept nogil:
        if 0 <= asset < MAX_ASSETS:
            self.rate_e8[asset] = rate_e8

    cdef int64_t half_e8(self, int128 halves) noexcept nogil:
        """Half value units in 1e-8 settle asset, rounded half to even once."""
        return scale_e8(halves, self.unit.e8_num, <int128>self.unit.e8_den * <int128>2)

    cdef int64_t spread_e8(self) noexcept nogil:
        return self.half_e8(self.spread)

    cdef int64_t hedge_e8(self) noexcept nogil:
        return self.half_e8(self.hedge)

    cdef int64_t inventory_e8(self) noexcept nogil:
        return self.half_e8(self.inventory)

    cdef int64_t total_e8(self) noexcept nogil:
        return self.half_e8(self.cash + self.held) - self.fees_e8 + self.funding_e8

    # ---- Python's face

    def fill(self, int side, int64_t price_ticks, int64_t qty_lots, *, int64_t mid_x2=0, int purpose=0) -> None:
        """Apply one fill.

        Args:
            side: `Side`.
            price_ticks, qty_lots: as filled.
            mid_x2: best bid + best ask in ticks at the fill; 0: not known, the last one stands.
            purpose: `Purpose`; a QUOTE's edge is spread, any other's is hedge.

        Raises:
            ValueError: side, price or quantity is out of range; nothing was changed.
        """
        if self.on_fill(side, price_ticks, qty_lots, mid_x2, purpose) < 0:
            raise ValueError(f"fill: side {side}, price {price_ticks} ticks, quantity {qty_lots} lots is out of range")

    def mid(self, int64_t mid_x2) -> None:
        """Revalue what is held at ``bid + ask`` ticks."""
        self.on_mid(mid_x2)

    def fee(self, int asset, int64_t fee_e8) -> None:
        """Add a fee, > 0 paid, in 1e-8 of its asset.

        Raises:
            ValueError: no such place in the fee table.
        """
        if self.on_fee(asset, fee_e8) < 0:
            raise ValueError(f"fee: asset index {asset} is outside 0..{MAX_ASSETS - 1}")

    def funding(self, int64_t amount_e8) -> None:
        """Add a funding payment, > 0 received."""
        self.on_funding(amount_e8)

    def rate(self, int asset, int64_t rate_e8) -> None:
        """Worth of one unit of a fee asset in 1e-8 settlement asset; 0: not known."""
        self.set_rate(asset, rate_e8)

    cdef object money(self, int128 halves):
        with localcontext() as context:
            context.prec = _EXACT_DIGITS
            return (Decimal(halves) * self.unit.e8_num / (2 * Decimal(self.unit.e8_den))).scaleb(-8)

    def parts(self) -> dict[str, Decimal]:
        """Exact `total`, `spread`, `inventory`, `hedge`, `fees` (< 0 paid) and `funding` in the settlement asset.

        ``total`` comes from cash and holding on its own; the other five add up to it to the last digit.
        """
        fees, funding = Decimal(-self.fees_e8).scaleb(-8), Decimal(self.funding_e8).scaleb(-8)
        with localcontext() as context:
            context.prec = _EXACT_DIGITS
            total = self.money(self.cash + self.held) + fees + funding
        return {
            "total": total, "spread": self.money(self.spread), "inventory": self.money(self.inventory),
            "hedge": self.money(self.hedge), "fees": fees, "funding": funding,
        }

    @property
    def fees_apart(self) -> dict[int, Decimal]:
        """Fees that could not be converted, by asset index, each in its own asset."""
        return {i: Decimal(self.apart_e8[i]).scaleb(-8) for i in range(MAX_ASSETS) if self.apart_e8[i]}

    def state(self) -> dict[str, int | list[int]]:
        """Everything that `restore` needs, as plain integers: for snapshots."""
        return {
            "lots": self.lots, "mid_x2": self.mid_x2, "cash": self.cash, "held": self.held, "spread": self.spread,
            "hedge": self.hedge, "inventory": self.inventory, "fees_e8": self.fees_e8, "funding_e8": self.funding_e8,
            "rate_e8": list(self.rate_e8), "apart_e8": list(self.apart_e8),
        }

    def restore(self, state: dict) -> None:
        """Become what `state` described on the same instrument.

        Raises:
            KeyError: a field is missing.
            ValueError: a fee table has another length.
        """
        if len(state["rate_e8"]) != MAX_ASSETS or len(state["apart_e8"]) != MAX_ASSETS:
            raise ValueError(f"PnL state: expected fee tables of {MAX_ASSETS} assets")
        self.lots, self.mid_x2, self.cash, self.held = state["lots"], state["mid_x2"], state["cash"], state["held"]
        self.spread, self.hedge, self.inventory = state["spread"], state["hedge"], state["inventory"]
        self.fees_e8, self.funding_e8 = state["fees_e8"], state["funding_e8"]
        for i in range(MAX_ASSETS):
            self.rate_e8[i], self.apart_e8[i] = state["rate_e8"][i], state["apart_e8"][i]

    def __repr__(self) -> str:
        return f"PnlAttribution({self.lots} lots, {', '.join(f'{k} {v}' for k, v in self.parts().items())})"
