"""Quoting models as pure functions: numbers in, a `QuoteSet` out. No state, no clock, no allocation.

Two steps, so that every model shares one careful way to orders:

1. a *model* gives `Offsets`, the distance of our best bid and best ask from the fair price, in ticks (doubles);
2. `lay_out` turns fair price, offsets, `Layout` and `fill` (position over its maximum) into whole ticks and lots: bids
   round down, asks round up, neither touches the other side of the book (post-only), no two levels share a price.

Units: prices and distances in ticks, `sigma` in ticks per sqrt(second), `intensity` (the papers' A) per second,
`k` per tick, times in seconds, inventory `q` in orders (position_lots / order_lots; any real number).
An offset of +inf means "no quote on this side". NaN or a value outside a model's domain gives no quotes and the reason.
"""
cimport cython
from libc.stdint cimport int32_t, int64_t

from mmbot._core.types cimport Level


cdef enum:
    MAX_QUOTE_LEVELS = 32


cpdef enum QuoteReason:     # why a quote set is as it is; all but QUOTED leave it empty
    QUOTED = 0
    BAD_FAIR = 1            # the fair price is not a finite positive number
    BAD_MODEL = 2           # an offset is NaN, or -inf: a model input was unknown or outside its domain
    BAD_LAYOUT = 3          # levels, step, quantity, growth or skew outside their limits
    BAD_TOUCH = 4           # the book is crossed or locked, or a price is negative


cdef struct QuoteSet:       # desired quotes of one market, best first
    int32_t n_bids
    int32_t n_asks
    Level bids[MAX_QUOTE_LEVELS]
    Level asks[MAX_QUOTE_LEVELS]


cdef struct Offsets:        # fair - best bid, best ask - fair; +inf: no quote on this side
    double bid_ticks
    double ask_ticks


cdef struct Touch:          # the market's best prices; 0: that side is empty
    int64_t bid_ticks
    int64_t ask_ticks


cdef struct Layout:         # how offsets become orders
    int32_t levels          # a side, 1 .. MAX_QUOTE_LEVELS
    double step_ticks       # between levels, >= 0 (levels are at least a tick apart after rounding)
    double qty_lots         # of the best level, >= 1
    double qty_growth       # each level's quantity over the one before it, > 0
    double size_skew        # 0 .. 1: how much of the side that adds to the position is taken away at full inventory
    int64_t min_qty_lots    # a level below this is left out


cdef struct GlftCoefficients:       # what does not depend on inventory; recompute when sigma, A or k move
    double half_ticks       # c1 + (Delta / 2) * w: half spread when flat
    double skew_ticks       # w: shift of both quotes per order of inventory
    double drift_ticks      # shift by the drift mu: quotes move up by it


# --- rounding: C's cast truncates and `cdivision` is on, so these are our own ---------------------------------------
cpdef int64_t floor_ticks(double price_ticks) noexcept nogil
cpdef int64_t ceil_ticks(double price_ticks) noexcept nogil

# --- models; from Python an `Offsets` or `GlftCoefficients` is a dict -----------------------------------------------
cpdef Offsets ladder(double half_spread_ticks, double skew_ticks, double inventory) noexcept nogil
cpdef Offsets avellaneda_stoikov(double q, double gamma, double sigma, double k, double horizon_s) noexcept nogil
cpdef Offsets avellaneda_stoikov_infinite(double q, double gamma, double k, double q_max) noexcept nogil
cpdef GlftCoefficients glft_coefficients(
    double gamma, double sigma, double intensity, double k,
    double xi=*, double delta=*, double drift=*, double adverse_ticks=*,
) noexcept nogil
cpdef Offsets glft(GlftCoefficients coefficients, double q) noexcept nogil

# --- from offsets to orders ---------------------------------------------------------------------------------------
cdef QuoteReason lay_out(
    double fair_ticks, Offsets offsets, double fill, const Layout* layout, Touch touch, QuoteSet* out,
) noexcept nogil


@cython.final
cdef class Quotes:
    """A `Layout` and the quote set it last made, for plugins; the layout is checked once, at construction.

    `place` lays out at given offsets. Or, since offsets move slower than prices: `aim` now and then, `follow` at every
    book change. Compiled plugins call the methods as C and hand `data` on; interpreted ones see `bids` and `asks`.
    """
    cdef QuoteSet data
    cdef Layout layout
    cdef readonly int reason                # QuoteReason of the last layout
    cdef readonly bint aimed                # `aim` was called
    cdef readonly double bid_offset_ticks, ask_offset_ticks, fill      # as aimed
    cdef readonly double fair_ticks         # the fair price last laid out around; NaN: none since `aim`
    cdef readonly double tolerance_ticks    # `follow` leaves the quotes alone while the fair price moved no more
    cdef bint _fresh                        # nothing was laid out yet

    # Whether there is something to quote (`reason` is QUOTED). `fill` is position / maximum position, -1 .. 1.
    cpdef bint place(
        self, double fair_ticks, double bid_offset_ticks, double ask_offset_ticks, double fill,
        int64_t best_bid_ticks, int64_t best_ask_ticks,
    ) noexcept nogil
    cpdef void aim(
        self, double bid_offset_ticks, double ask_offset_ticks, double fill,
        double step_ticks=*, double tolerance_ticks=*,
    ) noexcept nogil
    # Whether the quotes differ from those before, so that they are worth declaring.
    cpdef bint follow(self, double fair_ticks, int64_t best_bid_ticks, int64_t best_ask_ticks) noexcept nogil
    cpdef void clear(self) noexcept nogil

    cdef void _lay_out(self, double fair_ticks, int64_t best_bid_ticks, int64_t best_ask_ticks) noexcept nogil
