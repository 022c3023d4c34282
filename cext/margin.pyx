"""Maintenance margin and liquidation prices; the contract is ``mmbot/_core/margin.pxd``.

Formulas (Binance's, whose symbols are used; WB wallet balance, TMM/UPNL maintenance and unrealised PnL of all *other*
positions, EP entry, q size, side +-1), solved from "equity = maintenance margin":

* USD-M: ``LP = (WB - TMM + UPNL + cum - side*q*EP) / (q*MMR - side*q)``
* COIN-M: the same with ``1/LP`` and ``1/EP`` for prices and ``-side`` for side, q in quote units: an inverse contract
  is a linear one of opposite sign in the reciprocal price.
* ``cum`` of tier n = ``floor_n * (MMR_n - MMR_{n-1}) + cum_{n-1}``, which makes the maintenance margin continuous.

If the price found falls into another tier, that tier's MMR and cum are used: Newton's method on a concave piecewise
linear function, so it ends after at most as many steps as there are tiers.
"""

from fractions import Fraction

from libc.math cimport fabs, INFINITY, isnan, NAN


cdef int tier_of(const MarginTable* table, double notional) noexcept nogil:
    """Index of the tier a notional falls into (``floor <= notional``; the floor itself belongs to the lower tier)."""
    cdef int i = 0
    while i + 1 < table.count and notional > table.floor[i + 1]:
        i += 1
    return i


cdef double maintenance_margin(const MarginTable* table, double notional) noexcept nogil:
    """Maintenance margin of a position of this notional; 0 without tiers."""
    cdef int i
    if table.count == 0:
        return 0.0
    i = tier_of(table, notional)
    return notional * table.mmr[i] - table.cum[i]


cdef double initial_margin(double notional, double leverage) noexcept nogil:
    """Margin to open: notional / leverage."""
    return notional / leverage


cdef inline double unrealized(double qty, double entry, double mark, bint inverse) noexcept nogil:
    return qty * (1.0 / entry - 1.0 / mark) if inverse else qty * (mark - entry)


cdef double liquidation_price(
        const MarginTable* table, const MarginAccount* account, double qty, double entry, bint inverse) noexcept nogil:
    """Mark price at which equity equals maintenance; NaN when flat or when no price does it."""
    cdef double size = fabs(qty)
    cdef double direction = -1.0 if (qty < 0) != inverse else 1.0
    cdef double opened = 1.0 / entry if inverse else entry
    cdef double cushion = account.wallet - account.other_maintenance + account.other_unrealized
    cdef double at = opened
    cdef int _step, tier
    if table.count == 0 or size == 0 or not opened > 0:
        return NAN
    tier = tier_of(table, size * opened)
    for _step in range(MAX_TIERS):
        at = (cushion + table.cum[tier] - direction * size * opened) / (size * table.mmr[tier] - direction * size)
        if tier_of(table, size * at) == tier:
            break
        tier = tier_of(table, size * at)
    if not at > 0:
        return NAN
    return 1.0 / at if inverse else at


cdef double margin_ratio(
        const MarginTable* table, const MarginAccount* account, double qty, double entry, double mark, bint inverse
) noexcept nogil:
    """Maintenance of everything over equity at `mark`."""
    cdef double equity = account.wallet + account.other_unrealized
    cdef double needed = account.other_maintenance
    if qty != 0:
        equity += unrealized(qty, entry, mark, inverse)
        needed += maintenance_margin(table, fabs(qty) / mark if inverse else fabs(qty) * mark)
    if equity > 0:
        return needed / equity
    return INFINITY if qty != 0 or needed > 0 else 0.0


cdef double shocked_ratio(
        const MarginTable* table, double equity, double other_maintenance, double qty, double price, double shock,
        bint inverse) noexcept nogil:
    """Maintenance over equity after the price moves by `shock` against `qty`."""
    cdef double moved = price * (1.0 - shock if qty > 0 else 1.0 + shock)
    cdef double needed = other_maintenance
    if qty != 0:
        if not moved > 0:
            return INFINITY
        equity += unrealized(qty, price, moved, inverse)
        needed += maintenance_margin(table, fabs(qty) / moved if inverse else fabs(qty) * moved)
    if equity > 0:
        return needed / equity
    return INFINITY if qty != 0 or needed > 0 else 0.0


cdef object price_or_none(double price):
    return None if isnan(price) else price


cdef class MarginTiers:
    """Maintenance margin tiers ("leverage brackets") of one market.

    Args:
        floors: notional at which each tier begins, ascending from 0, as exact decimals (text, Decimal or int).
        rates: maintenance margin rate of each tier, fractions, not falling.
        cums: the venue's maintenance amounts; left out, they are computed by the rule.
        max_leverage: highest leverage of each tier; left out: not stated.

    Amounts are floats in the asset the margin is paid in: estimates, not ledger entries.

    Raises:
        ValueError: lengths differ, there are too many tiers, or floors or rates do not ascend.
    """

    def __cinit__(self, floors, rates, cums=None, max_leverage=None):
        if not 1 <= len(floors) <= MAX_TIERS or len(rates) != len(floors):
            raise ValueError(f"margin tiers: expected 1..{MAX_TIERS} floors and as many rates, "
                             f"found {len(floors)} and {len(rates)}")
        floor, rate, cum = Fraction(), Fraction(), Fraction()
        for i, (next_floor, next_rate) in enumerate(zip(map(Fraction, floors), map(Fraction, rates))):
            if (next_floor != 0 if i == 0 else next_floor <= floor) or not rate <= next_rate < 1:
                raise ValueError(f"margin tier {i + 1}: floors must ascend from 0 and rates within 0..1, "
                                 f"found {floors[i]} at {rates[i]}")
            cum = Fraction(cums[i]) if cums is not None else next_floor * (next_rate - rate) + cum
            floor, rate = next_floor, next_rate
            self.table.floor[i], self.table.mmr[i], self.table.cum[i] = float(floor), float(rate), float(cum)
            self.table.max_leverage[i] = float(max_leverage[i]) if max_leverage is not None else 0.0
        self.table.count = len(floors)

    @property
    def cum(self) -> tuple[float, ...]:
        """Maintenance amount of each tier."""
        return tuple(self.table.cum[i] for i in range(self.table.count))

    def tier(self, double notional) -> int:
        """Index of the tier a notional falls into."""
        return tier_of(&self.table, notional)

    def maintenance(self, double notional) -> float:
        """Maintenance margin of a position of this notional."""
        return maintenance_margin(&self.table, notional)

    def liquidation_price(self, double qty, double entry, *, double wallet, double other_maintenance=0.0,
                          double other_unrealized=0.0, bint inverse=False) -> float | None:
        """Price at which the venue liquidates, None when no price does.

        Args:
            qty: signed size, base units (inverse: quote units).
            entry: average entry price.
            wallet: wallet balance (cross), or the position's own (isolated).
            other_maintenance: maintenance margin of all other positions in the same wallet.
            other_unrealized: their unrealised PnL.
            inverse: a COIN-M style contract.
        """
        cdef MarginAccount account = MarginAccount(wallet, other_maintenance, other_unrealized)
        return price_or_none(liquidation_price(&self.table, &account, qty, entry, inverse))

    def margin_ratio(self, double qty, double entry, double mark, *, double wallet, double other_maintenance=0.0,
                     double other_unrealized=0.0, bint inverse=False) -> float:
        """Maintenance over equity at `mark`; 1 is liquidation, infinity without equity."""
        cdef MarginAccount account = MarginAccount(wallet, other_maintenance, other_unrealized)
        return margin_ratio(&self.table, &account, qty, entry, mark, inverse)

    def shocked_ratio(self, double qty, double price, double shock, *, double equity, double other_maintenance=0.0,
                      bint inverse=False) -> float:
        """`margin_ratio` of `qty` valued at `price` after a move of `shock` (fraction) against it."""
        return shocked_ratio(&self.table, equity, other_maintenance, qty, price, shock, inverse)
