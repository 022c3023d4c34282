"""Exact positions; the contract is ``mmbot/_core/position.pxd``.

How a partial close splits PnL: closing ``k`` of ``n`` lots takes ``cost * k / n`` of the cost with it, rounded half to
even to a whole value unit; the rest of the cost stays with the open lots. So a rounding error is only ever moved
between realised and unrealised (at most half a unit a fill), never lost: their sum is exact after every fill, and so is
realised when flat.
"""

from decimal import Decimal, localcontext
from fractions import Fraction

from libc.math cimport NAN
from libc.stdint cimport int64_t

from mmbot._core.exact cimport div_half_even, int128, scale_e8
from mmbot._core.types cimport BUY, Instrument, SELL

cdef int64_t LIMIT = <int64_t>1 << 53
cdef int64_t INVERSE_SCALE = 10**18
_INVERSE_SCALE = 10**18        # the same as a Python integer, which cannot overflow
_EXACT_DIGITS = 80               # more than any exact result here has: |value| < 2**127, times num, over den


cdef int value_unit_of(Instrument instrument, ValueUnit* unit) except -1:
    """Fill `unit` for the instrument.

    Raises:
        ValueError: the unit is not a ratio of 64-bit integers.
    """
    tick, lot = Fraction(instrument.tick_size), Fraction(instrument.lot_size) * Fraction(instrument.contract_size)
    worth = lot / tick / _INVERSE_SCALE if instrument.inverse else lot * tick
    e8 = worth * 10**8
    if max(e8.numerator, e8.denominator) >= 1 << 63:
        raise ValueError(f"{instrument.symbol}: tick, lot and contract size are too far apart to be counted exactly")
    unit.e8_num, unit.e8_den = e8.numerator, e8.denominator
    unit.to_asset = float(worth)
    unit.inverse = instrument.inverse
    return 0


cdef int128 value_of(const ValueUnit* unit, int64_t price_ticks, int64_t lots) noexcept nogil:
    """Worth of signed `lots` at a price, in value units."""
    if unit.inverse:
        return -div_half_even(<int128>lots * <int128>INVERSE_SCALE, <int128>price_ticks)
    return <int128>price_ticks * <int128>lots


cdef inline int128 share(int128 cost, int64_t part, int64_t whole) noexcept nogil:
    """``cost * part / whole`` half to even; the whole quotient is split off first, so that no product overflows."""
    cdef int128 quotient = cost / <int128>whole
    cdef int128 rest = cost - quotient * <int128>whole
    # quotient * part is an integer and rest * part / whole keeps the fraction; parity of the sum decides a tie
    cdef int128 whole_part = quotient * <int128>part
    cdef int128 product = rest * <int128>part
    if whole_part & 1:
        return whole_part - 1 + div_half_even(product + <int128>whole, <int128>whole)
    return whole_part + div_half_even(product, <int128>whole)


cdef class Position:
    """Signed lots of one market with cost, realised PnL, fees by asset and funding, all exact.

    Args:
        instrument: linear, inverse or spot; fixes what a tick and a lot are worth.

    A fee paid in the base asset (spot) stands in the fee table; it does not change `lots`.

    Raises:
        ValueError: the instrument's units are too far apart for 64-bit ratios.
    """

    def __cinit__(self, Instrument instrument not None):
        value_unit_of(instrument, &self.unit)
        self.tick = instrument.tick

    cdef int apply_fill(self, int side, int64_t price_ticks, int64_t qty_lots) noexcept nogil:
        cdef int64_t signed_lots, size, closing, held
        cdef int128 removed
        if side != BUY and side != SELL or not 0 < price_ticks <= LIMIT or not 0 < qty_lots <= LIMIT:
            return -1
        signed_lots = qty_lots if side == BUY else -qty_lots
        if not -LIMIT <= self.lots + signed_lots <= LIMIT:
            return -1
        self.fills += 1
        self.traded_lots += qty_lots
        if self.lots and (self.lots > 0) != (signed_lots > 0):
            size = self.lots if self.lots > 0 else -self.lots
            closing = min(size, qty_lots)
            held = closing if self.lots > 0 else -closing
            removed = self.cost if closing == size else share(self.cost, closing, size)
            self.realized += value_of(&self.unit, price_ticks, held) - removed
            self.cost -= removed
            self.lots -= held
            signed_lots += held
            if signed_lots == 0:
                return 0
        self.cost += value_of(&self.unit, price_ticks, signed_lots)
        self.lots += signed_lots
        return 0

    cdef int apply_fee(self, int asset, int64_t fee_e8) noexcept nogil:
        if not 0 <= asset < MAX_ASSETS:
            return -1
        self.fees_e8[asset] += fee_e8
        return 0

    cdef void apply_funding(self, int64_t amount_e8) noexcept nogil:
        self.funding_e8 += amount_e8

    cdef int64_t realized_e8(self) noexcept nogil:
        return scale_e8(self.realized, self.unit.e8_num, <int128>self.unit.e8_den)

    cdef int128 open_value(self, int64_t mark_ticks) noexcept nogil:
        return value_of(&self.unit, mark_ticks, self.lots) - self.cost if mark_ticks > 0 else 0

    cdef int64_t unrealized_e8(self, int64_t mark_ticks) noexcept nogil:
        return scale_e8(self.open_value(mark_ticks), self.unit.e8_num, self.unit.e8_den)

    cdef int64_t total_e8(self, int64_t mark_ticks) noexcept nogil:
        return scale_e8(self.realized + self.open_value(mark_ticks), self.unit.e8_num, self.unit.e8_den)

    cdef double entry_ticks(self) noexcept nogil:
        if self.lots == 0:
            return NAN
        if self.unit.inverse:
            return -<double>self.lots * <double>INVERSE_SCALE / <double>self.cost
        return <double>self.cost / <double>self.lots

    # ---- Python's face: exact decimals, and errors for what the core refuses by a code

    def fill(self, int side, int64_t price_ticks, int64_t qty_lots) -> None:
        """Apply one fill; through zero it closes, then opens the rest at the fill's price.

        Raises:
            ValueError: side, price or quantity is out of range; nothing was changed.
        """
        if self.apply_fill(side, price_ticks, qty_lots) < 0:
            raise ValueError(f"fill: side {side}, price {price_ticks} ticks, quantity {qty_lots} lots is out of range")

    def fee(self, int asset, int64_t fee_e8) -> None:
        """Add a fee (> 0 paid, < 0 rebate) in 1e-8 of the asset with this index.

        Raises:
            ValueError: no such place in the fee table.
        """
        if self.apply_fee(asset, fee_e8) < 0:
            raise ValueError(f"fee: asset index {asset} is outside 0..{MAX_ASSETS - 1}")

    def funding(self, int64_t amount_e8) -> None:
        """Add a funding payment in 1e-8 of the settlement asset, > 0 received."""
        self.apply_funding(amount_e8)

    def set_from_venue(self, int64_t lots, entry_price) -> None:
        """Replace the open part by what the venue says; realised PnL, fees and funding stay.

        Args:
            lots: signed position.
            entry_price: average entry as exact decimal (text, Decimal or int), any number of digits; ignored when flat.

        Raises:
            ValueError: `lots` is out of range, or there is a position without a positive entry.
        """
        if not -LIMIT <= lots <= LIMIT:
            raise ValueError(f"position of {lots} lots is out of range")
        cost = Fraction()
        if lots:
            entry_ticks = Fraction(entry_price) / Fraction(Decimal(self.tick.mantissa).scaleb(-self.tick.decimals))
            if not 0 < entry_ticks <= LIMIT:
                raise ValueError(f"position of {lots} lots: expected a positive entry price, found {entry_price}")
            cost = Fraction(-int(lots) * _INVERSE_SCALE) / entry_ticks if self.unit.inverse else entry_ticks * lots
        self.lots = lots
        self.cost = round(cost)

    cdef object money(self, int128 value):
        with localcontext() as context:
            context.prec = _EXACT_DIGITS
            return (Decimal(value) * self.unit.e8_num / self.unit.e8_den).scaleb(-8)

    @property
    def realized_pnl(self) -> Decimal:
        """Realised PnL in the settlement asset, before fees and funding."""
        return self.money(self.realized)

    def unrealized_pnl(self, int64_t mark_ticks) -> Decimal:
        """PnL of the open lots at a mark, in the settlement asset; 0 when the mark is not positive."""
        return self.money(self.open_value(mark_ticks))

    def total_pnl(self, int64_t mark_ticks) -> Decimal:
        """Realised and unrealised together: exact whatever the path, before fees and funding."""
        return self.money(self.realized + self.open_value(mark_ticks))

    @property
    def entry_price(self) -> Decimal | None:
        """Average entry price to 28 digits, None when flat."""
        if self.lots == 0:
            return None
        numerator, denominator = int(self.cost), int(self.lots)
        if self.unit.inverse:
            numerator, denominator = -denominator * _INVERSE_SCALE, numerator
        return Decimal(numerator) * Decimal(self.tick.mantissa).scaleb(-self.tick.decimals) / Decimal(denominator)

    @property
    def fees(self) -> dict[int, Decimal]:
        """Fees paid by asset index (> 0 paid), assets without any left out."""
        return {i: Decimal(self.fees_e8[i]).scaleb(-8) for i in range(MAX_ASSETS) if self.fees_e8[i]}

    @property
    def funding_received(self) -> Decimal:
        """Sum of funding in the settlement asset, < 0 when more was paid."""
        return Decimal(self.funding_e8).scaleb(-8)

    def state(self) -> dict[str, int | list[int]]:
        """Everything that `restore` needs, as plain integers: for snapshots."""
        return {
            "lots": self.lots, "cost": self.cost, "realized": self.realized, "fills": self.fills,
            "traded_lots": self.traded_lots, "funding_e8": self.funding_e8, "fees_e8": list(self.fees_e8),
        }

    def restore(self, state: dict) -> None:
        """Become what `state` described on the same instrument.

        Raises:
            KeyError: a field is missing.
            ValueError: the fee table has another length.
        """
        if len(state["fees_e8"]) != MAX_ASSETS:
            raise ValueError(f"position state: expected {MAX_ASSETS} fees, found {len(state['fees_e8'])}")
        self.lots, self.cost, self.realized = state["lots"], state["cost"], state["realized"]
        self.fills, self.traded_lots, self.funding_e8 = state["fills"], state["traded_lots"], state["funding_e8"]
        for i in range(MAX_ASSETS):
            self.fees_e8[i] = state["fees_e8"][i]

    def __repr__(self) -> str:
        return f"Position({self.lots} lots at {self.entry_price}, realized {self.realized_pnl})"
