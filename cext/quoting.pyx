"""Quoting models and the one way from their offsets to whole ticks and lots; see ``quoting.pxd`` for the contract.

Sources, with the papers' own symbols:

* [AS] Avellaneda, Stoikov, "High-frequency trading in a limit order book", Quantitative Finance 8(3), 2008.
* [GLFT] Gueant, Lehalle, Fernandez-Tapia, "Dealing with the inventory risk", Math. Financ. Econ. 7, 2013
  (arXiv 1105.3115).
* [G] Gueant, "Optimal market making", Appl. Math. Finance 24(2), 2017 (arXiv 1605.01862).
"""
cimport cython
from libc.math cimport INFINITY, NAN, exp, fabs, isfinite, isnan, log1p, sqrt
from libc.stdint cimport INT64_MAX, int32_t, int64_t
from libc.string cimport memcmp, memcpy

from mmbot._core.types cimport Level

# Beyond this a double has no halves any more, by which bid and ask are kept apart.
cdef double MAX_PRICE_TICKS = 4503599627370496.0
# A price that misses a tick by rounding error alone stays on it, so that quotes do not flicker.
cdef double ROUNDING_SLACK = 1e-9


cpdef int64_t floor_ticks(double price_ticks) noexcept nogil:
    """The greatest whole tick not above `price_ticks`, which must lie within +-2**53."""
    cdef int64_t whole = <int64_t>price_ticks
    return whole - (<double>whole > price_ticks)


cpdef int64_t ceil_ticks(double price_ticks) noexcept nogil:
    """The smallest whole tick not below `price_ticks`, which must lie within +-2**53."""
    cdef int64_t whole = <int64_t>price_ticks
    return whole + (<double>whole < price_ticks)


# --- models -----------------------------------------------------------------------------------------------------

cdef inline Offsets _unknown() noexcept nogil:
    cdef Offsets offsets
    offsets.bid_ticks = offsets.ask_ticks = NAN
    return offsets


cdef inline double _mark_up(double gamma, double k) noexcept nogil:
    """(1/gamma) * ln(1 + gamma/k), and its limit 1/k for gamma = 0: what a fill is worth under risk aversion gamma."""
    return log1p(gamma / k) / gamma if gamma > 0.0 else 1.0 / k


cpdef Offsets ladder(double half_spread_ticks, double skew_ticks, double inventory) noexcept nogil:
    """A half spread shifted against the position: bid half + skew * inventory, ask half - skew * inventory."""
    cdef Offsets offsets
    if not half_spread_ticks >= 0.0:
        return _unknown()
    offsets.bid_ticks = half_spread_ticks + skew_ticks * inventory
    offsets.ask_ticks = half_spread_ticks - skew_ticks * inventory
    return offsets


cpdef Offsets avellaneda_stoikov(double q, double gamma, double sigma, double k, double horizon_s) noexcept nogil:
    """[AS] for a finite horizon T - t.

    Around r = s - q*gamma*sigma^2*(T-t), with a total spread of gamma*sigma^2*(T-t) + (2/gamma)*ln(1+gamma/k).

    Args:
        q: inventory, in orders.
        gamma: risk aversion, per tick and order; >= 0.
        sigma: volatility, ticks per sqrt(second); >= 0.
        k: decay of fills with depth, per tick; > 0.
        horizon_s: T - t, seconds; >= 0.
    """
    cdef Offsets offsets
    cdef double risk = gamma * sigma * sigma * horizon_s
    cdef double half
    if not (gamma >= 0.0 and sigma >= 0.0 and k > 0.0 and horizon_s >= 0.0 and isfinite(q) and isfinite(risk)):
        return _unknown()
    half = 0.5 * risk + _mark_up(gamma, k)
    offsets.bid_ticks = half + q * risk
    offsets.ask_ticks = half - q * risk
    return offsets


cdef inline double _infinite_offset(double q, double gamma, double mark_up, double q_max) noexcept nogil:
    """Distance of the quote that adds to inventory `q`; the other side is the same at -q."""
    if q >= q_max:
        return INFINITY
    q = max(q, -q_max)      # beyond it the reducing side quotes as at it: the formula has no meaning there
    return mark_up - log1p(-(1.0 + 2.0 * q) / ((q_max + 1.0) * (q_max + 1.0) - q * q)) / gamma


cpdef Offsets avellaneda_stoikov_infinite(double q, double gamma, double k, double q_max) noexcept nogil:
    """[AS] for an infinite horizon, section 2.3; with its omega = gamma^2*sigma^2*(q_max+1)^2/2 sigma cancels.

    r_b = s + (1/gamma)*ln(1 - (1+2q)/((q_max+1)^2 - q^2)), r_a = s - (1/gamma)*ln(1 - (1-2q)/((q_max+1)^2 - q^2));
    quotes lie (1/gamma)*ln(1+gamma/k) outside them. (Print has r_a with the logarithm's sign and argument turned, which
    agrees to first order only; this is what its value function gives, and it treats both sides alike.)
    At |q| >= q_max the side that would add to the position is not quoted.

    Args:
        q: inventory, in orders.
        gamma: risk aversion, per tick and order; > 0.
        k: decay of fills with depth, per tick; > 0.
        q_max: greatest inventory, in orders; > 0.
    """
    cdef Offsets offsets
    cdef double mark_up
    if not (gamma > 0.0 and k > 0.0 and q_max > 0.0 and isfinite(q) and isfinite(q_max)):
        return _unknown()
    mark_up = _mark_up(gamma, k)
    offsets.bid_ticks = _infinite_offset(q, gamma, mark_up, q_max)
    offsets.ask_ticks = _infinite_offset(-q, gamma, mark_up, q_max)
    return offsets


cpdef GlftCoefficients glft_coefficients(
    double gamma, double sigma, double intensity, double k,
    double xi=-1.0, double delta=1.0, double drift=0.0, double adverse_ticks=0.0,
) noexcept nogil:
    """[G] (4.6), (4.7): the closed-form approximation for a long horizon; with xi = gamma and delta = 1 it is [GLFT]'s.

    half = (1/(xi*delta))*ln(1+xi*delta/k) + (delta/2)*w, skew = w with
    w = sqrt(gamma*sigma^2/(2*A*delta*k) * (1+xi*delta/k)^(k/(xi*delta)+1)).

    Args:
        gamma: aversion to inventory risk, per tick and unit of inventory; > 0.
        sigma: volatility, ticks per sqrt(second); >= 0.
        intensity: A, fills per second at the fair price; > 0.
        k: decay of fills with depth, per tick; > 0.
        xi: aversion to the risk of not being filled; < 0 stands for gamma ([G] model A), 0 for none (model B).
        delta: order size, in the unit of inventory; > 0.
        drift: mu of the fair price, ticks per second ([GLFT] section 4).
        adverse_ticks: jump of the price against us at each fill ([GLFT]'s xi): adds half of it, and exp(k*jump/4) to w.
    """
    cdef GlftCoefficients out
    cdef double averse = (gamma if xi < 0.0 else xi) * delta
    cdef double growth
    out.half_ticks = out.skew_ticks = out.drift_ticks = NAN
    if not (gamma > 0.0 and sigma >= 0.0 and intensity > 0.0 and k > 0.0 and delta > 0.0 and averse >= 0.0):
        return out
    growth = exp((k / averse + 1.0) * log1p(averse / k)) if averse > 0.0 else exp(1.0)
    out.skew_ticks = (
        sigma * sqrt(gamma / (2.0 * intensity * delta * k) * growth) * exp(0.25 * k * adverse_ticks)
    )
    out.half_ticks = _mark_up(averse, k) + 0.5 * delta * out.skew_ticks + 0.5 * adverse_ticks
    out.drift_ticks = drift / (gamma * sigma * sigma) * out.skew_ticks if drift != 0.0 else 0.0
    return out


cpdef Offsets glft(GlftCoefficients coefficients, double q) noexcept nogil:
    """[GLFT] quotes at inventory `q`: bid half + skew*q - drift, ask half - skew*q + drift."""
    cdef Offsets offsets
    cdef double shift = coefficients.skew_ticks * q - coefficients.drift_ticks
    offsets.bid_ticks = coefficients.half_ticks + shift
    offsets.ask_ticks = coefficients.half_ticks - shift
    return offsets


# --- from offsets to orders ---------------------------------------------------------------------------------------

cdef inline bint _layout_ok(const Layout* layout) noexcept nogil:
    return (
        1 <= layout.levels <= MAX_QUOTE_LEVELS
        and 0.0 <= layout.step_ticks < MAX_PRICE_TICKS
        and 1.0 <= layout.qty_lots < MAX_PRICE_TICKS
        and 0.0 < layout.qty_growth <= 1000.0
        and 0.0 <= layout.size_skew <= 1.0
        and layout.min_qty_lots >= 0
    )


cdef inline int64_t _whole_lots(double qty_lots) noexcept nogil:
    return <int64_t>(qty_lots + ROUNDING_SLACK) if qty_lots < MAX_PRICE_TICKS else 0


cdef inline int32_t _bids(
    double best_ticks, int64_t limit_ticks, double share, const Layout* layout, Level* out,
) noexcept nogil:
    """Fill `out` downwards from `best_ticks`, nothing above `limit_ticks` or below 1; returns the number of levels."""
    cdef double qty_lots = layout.qty_lots * share
    cdef int64_t lots
    cdef int32_t n = 0, _i
    for _i in range(layout.levels):
        if not best_ticks >= 1.0 - ROUNDING_SLACK or limit_ticks < 1:
            break
        limit_ticks = min(limit_ticks, floor_ticks(best_ticks + ROUNDING_SLACK))
        lots = _whole_lots(qty_lots)
        if lots >= 1 and lots >= layout.min_qty_lots:
            out[n].price_ticks = limit_ticks
            out[n].qty_lots = lots
            n += 1
        limit_ticks -= 1
        best_ticks -= layout.step_ticks
        qty_lots *= layout.qty_growth
    return n


cdef inline int32_t _asks(
    double best_ticks, int64_t limit_ticks, double share, const Layout* layout, Level* out,
) noexcept nogil:
    """Fill `out` upwards from `best_ticks`, nothing below `limit_ticks`; returns the number of levels."""
    cdef double qty_lots = layout.qty_lots * share
    cdef int64_t lots
    cdef int32_t n = 0, _i
    for _i in range(layout.levels):
        if not best_ticks < MAX_PRICE_TICKS:
            break
        limit_ticks = max(limit_ticks, ceil_ticks(best_ticks - ROUNDING_SLACK))
        lots = _whole_lots(qty_lots)
        if lots >= 1 and lots >= layout.min_qty_lots:
            out[n].price_ticks = limit_ticks
            out[n].qty_lots = lots
            n += 1
        limit_ticks += 1
        best_ticks += layout.step_ticks
        qty_lots *= layout.qty_growth
    return n


cdef QuoteReason lay_out(
    double fair_ticks, Offsets offsets, double fill, const Layout* layout, Touch touch, QuoteSet* out,
) noexcept nogil:
    """Round, keep off the other side of the book, and size every level.

    A bid is at most the best ask less one, an ask at least the best bid plus one; a level is at least one tick from
    the one before it. The side that adds to the position has its quantity cut by `size_skew` * |fill|.
    """
    cdef int64_t bid_limit = touch.ask_ticks - 1 if touch.ask_ticks > 0 else INT64_MAX
    cdef int64_t ask_limit = touch.bid_ticks + 1
    cdef double bid_ticks = fair_ticks - offsets.bid_ticks
    cdef double ask_ticks = fair_ticks + offsets.ask_ticks
    out.n_bids = out.n_asks = 0
    if not 0.0 < fair_ticks < MAX_PRICE_TICKS:
        return QuoteReason.BAD_FAIR
    if not _layout_ok(layout):
        return QuoteReason.BAD_LAYOUT
    if touch.bid_ticks < 0 or touch.ask_ticks < 0 or 0 < touch.ask_ticks <= touch.bid_ticks:
        return QuoteReason.BAD_TOUCH
    # A bid above our own ask is no quote; NaN fails the comparison too.
    if not bid_ticks <= ask_ticks or bid_ticks >= MAX_PRICE_TICKS or ask_ticks <= -MAX_PRICE_TICKS or isnan(fill):
        return QuoteReason.BAD_MODEL
    if ask_ticks - bid_ticks <= 2.0 * ROUNDING_SLACK:   # no spread at all: they would meet on a whole tick
        bid_ticks -= 0.5
        ask_ticks += 0.5
    fill = min(max(fill, -1.0), 1.0)
    out.n_bids = _bids(bid_ticks, bid_limit, 1.0 - layout.size_skew * max(fill, 0.0), layout, &out.bids[0])
    out.n_asks = _asks(ask_ticks, ask_limit, 1.0 + layout.size_skew * min(fill, 0.0), layout, &out.asks[0])
    return QuoteReason.QUOTED


cdef inline list _levels(const Level* levels, int32_t n):
    return [(levels[i].price_ticks, levels[i].qty_lots) for i in range(n)]


@cython.final
cdef class Quotes:
    """A layout of quotes and the last quotes made with it.

    Args:
        levels: a side, 1 to 32.
        step_ticks: distance between levels, >= 0; after rounding levels are at least one tick apart.
        qty_lots: quantity of the best level, >= 1.
        qty_growth: each level's quantity over that of the level before it, > 0.
        size_skew: 0 to 1, how much of the side that adds to the position is taken away when `fill` is 1.
        min_qty_lots: levels smaller than this are left out.
        tolerance_ticks: `follow` leaves the quotes where they are while the fair price is this close to where it was.

    Raises:
        ValueError: a value is outside its limits.
    """

    def __cinit__(
        self, *, int32_t levels=1, double step_ticks=1.0, double qty_lots=1.0, double qty_growth=1.0,
        double size_skew=0.0, int64_t min_qty_lots=1, double tolerance_ticks=0.0,
    ):
        self.layout.levels = levels
        self.layout.step_ticks = step_ticks
        self.layout.qty_lots = qty_lots
        self.layout.qty_growth = qty_growth
        self.layout.size_skew = size_skew
        self.layout.min_qty_lots = min_qty_lots
        if not _layout_ok(&self.layout):
            raise ValueError(
                f"quote layout: expected 1 <= levels <= {MAX_QUOTE_LEVELS}, step_ticks >= 0, qty_lots >= 1, "
                f"0 < qty_growth <= 1000, 0 <= size_skew <= 1 and min_qty_lots >= 0, found {self.layout}"
            )

        if not 0.0 <= tolerance_ticks < MAX_PRICE_TICKS:
            raise ValueError(f"quote layout: expected tolerance_ticks >= 0, found {tolerance_ticks}")
        self.tolerance_ticks = tolerance_ticks
        self.bid_offset_ticks = self.ask_offset_ticks = self.fill = self.fair_ticks = NAN
        self._fresh = True

    cpdef bint place(
        self, double fair_ticks, double bid_offset_ticks, double ask_offset_ticks, double fill,
        int64_t best_bid_ticks, int64_t best_ask_ticks,
    ) noexcept nogil:
        """Quote at these offsets from the fair price; a best price of 0 is an empty side of the book.

        Returns whether there is something to quote; if not, `reason` says why.
        """
        self.bid_offset_ticks, self.ask_offset_ticks, self.fill = bid_offset_ticks, ask_offset_ticks, fill
        self._lay_out(fair_ticks, best_bid_ticks, best_ask_ticks)
        return self.reason == QuoteReason.QUOTED

    cpdef void aim(
        self, double bid_offset_ticks, double ask_offset_ticks, double fill,
        double step_ticks=-1.0, double tolerance_ticks=-1.0,
    ) noexcept nogil:
        """Set the offsets, the fill and (unless negative) the step and tolerance that `follow` quotes with.

        Nothing changes while the fill is the same and every distance is within the tolerance of the aim so far.
        """
        if not tolerance_ticks < 0.0:
            self.tolerance_ticks = tolerance_ticks
        if step_ticks < 0.0:
            step_ticks = self.layout.step_ticks
        if (
            self.tolerance_ticks > 0.0 and fill == self.fill
            and fabs(bid_offset_ticks - self.bid_offset_ticks) <= self.tolerance_ticks
            and fabs(ask_offset_ticks - self.ask_offset_ticks) <= self.tolerance_ticks
            and fabs(step_ticks - self.layout.step_ticks) <= self.tolerance_ticks
        ):
            return
        self.bid_offset_ticks, self.ask_offset_ticks, self.fill = bid_offset_ticks, ask_offset_ticks, fill
        self.layout.step_ticks = step_ticks
        self.aimed = True
        self.fair_ticks = NAN

    cpdef bint follow(self, double fair_ticks, int64_t best_bid_ticks, int64_t best_ask_ticks) noexcept nogil:
        """Quote around this fair price as aimed. Returns whether the quotes changed (the first ones always did)."""
        cdef QuoteSet before
        if (
            fabs(fair_ticks - self.fair_ticks) <= self.tolerance_ticks and self.tolerance_ticks > 0.0
            and (self.data.n_bids == 0 or best_ask_ticks == 0 or self.data.bids[0].price_ticks < best_ask_ticks)
            and (self.data.n_asks == 0 or self.data.asks[0].price_ticks > best_bid_ticks)
        ):
            return False
        before.n_bids, before.n_asks = self.data.n_bids, self.data.n_asks
        memcpy(before.bids, self.data.bids, before.n_bids * sizeof(Level))
        memcpy(before.asks, self.data.asks, before.n_asks * sizeof(Level))
        self._lay_out(fair_ticks, best_bid_ticks, best_ask_ticks)
        if self._fresh:
            self._fresh = False
            return True
        return (
            before.n_bids != self.data.n_bids or before.n_asks != self.data.n_asks
            or memcmp(before.bids, self.data.bids, before.n_bids * sizeof(Level)) != 0
            or memcmp(before.asks, self.data.asks, before.n_asks * sizeof(Level)) != 0
        )

    cdef void _lay_out(self, double fair_ticks, int64_t best_bid_ticks, int64_t best_ask_ticks) noexcept nogil:
        cdef Offsets offsets
        cdef Touch touch
        offsets.bid_ticks, offsets.ask_ticks = self.bid_offset_ticks, self.ask_offset_ticks
        touch.bid_ticks, touch.ask_ticks = best_bid_ticks, best_ask_ticks
        self.reason = lay_out(fair_ticks, offsets, self.fill, &self.layout, touch, &self.data)
        self.fair_ticks = fair_ticks if self.reason == QuoteReason.QUOTED else NAN

    cpdef void clear(self) noexcept nogil:
        """Want no quotes."""
        self.fair_ticks = NAN
        self.data.n_bids = self.data.n_asks = 0

    @property
    def bids(self) -> list[tuple[int, int]]:
        """(price_ticks, qty_lots), best first."""
        return _levels(&self.data.bids[0], self.data.n_bids)

    @property
    def asks(self) -> list[tuple[int, int]]:
        """(price_ticks, qty_lots), best first."""
        return _levels(&self.data.asks[0], self.data.n_asks)
