"""The simulated traders of the simulated exchange: they give its matching engines a market to trade against.

Every asset has a fair price: a geometric random walk whose log-volatility is mean reverting (so that volatility
clusters), pushed a little by aggressive trades. Every market follows its asset's fair price times 1 plus a mean
reverting basis. In a market, makers keep a book around a sticky reference (they re-quote when fair has moved by
`stickiness`), cancel at random, and step inside an open spread; takers arrive in bursts (each excites the next) with
autocorrelated sides; orders that fair has moved through are cancelled by their makers or taken by others.

One `step` is one action in one market: bounded work. Nothing but the seed and the limits passed in decides.
"""
from libc.stdint cimport int32_t, int64_t, uint64_t

from mmbot._core.matching cimport MatchingEngine


cdef struct Asset:
    double fair                 # quote units
    double log_vol              # deviation of the log-volatility from its mean
    double volatility           # mean, per square root of a second
    int64_t updated_ns


cdef struct Trader:             # the state of one market's crowd
    int32_t asset
    int32_t target              # resting orders a side
    double tick
    double rate                 # actions per second
    double basis, basis_mean, basis_volatility      # fractions of fair
    double reference            # what makers quote around, in ticks
    double stickiness           # fraction of the price
    double median_lots          # of makers' orders; takers' are half of it
    double excitement           # recent trades
    double impact               # fraction of price per taker order of median size
    int64_t last_ns, next_ns
    int32_t taker_side
    int64_t* ids[2]             # the crowd's resting orders, some of them gone already
    int32_t n_ids[2]
    int32_t capacity[2]


cdef class Crowd:
    cdef list engines
    cdef MatchingEngine engine          # of the market acting now
    cdef Asset* assets
    cdef Trader* traders
    cdef int32_t* heap                  # market indexes; the one that acts next comes first
    cdef readonly int32_t n_assets, n_markets
    cdef int32_t room_assets, room_markets
    cdef uint64_t state[4]
    cdef double spare_normal
    cdef bint has_spare
    cdef int64_t next_id                # counts down from -1
    cdef readonly int64_t now_ns        # time of the last action
    cdef readonly int64_t next_ns       # time of the next one

    cdef uint64_t _random(self) noexcept nogil
    cdef double _uniform(self) noexcept nogil
    cdef double _normal(self) noexcept nogil
    cdef double _exponential(self) noexcept nogil
    cdef int _move(self, Asset* asset, int64_t now_ns) noexcept nogil
    cdef int _follow(self, Trader* trader, double elapsed_s) noexcept nogil
    cdef int64_t _lots(self, double median, double spread) noexcept nogil
    cdef int64_t _distance(self, Trader* trader) noexcept nogil
    cdef int _remember(self, Trader* trader, int side, int64_t id) except -1 nogil
    cdef int _add(self, Trader* trader, int side, int64_t price_ticks) except -1 nogil
    cdef int _cancel_one(self, Trader* trader, int side) except -1 nogil
    cdef int _forget_one(self, Trader* trader, int side) noexcept nogil
    cdef int _take(self, Trader* trader, int side, int64_t lots) except -1 nogil
    cdef bint _sweep_stale(self, Trader* trader) except -1 nogil
    cdef bint _close_gap(self, Trader* trader) except -1 nogil
    cdef int _act(self, Trader* trader) except -1 nogil
    cdef bint _before(self, int32_t a, int32_t b) noexcept nogil
    cdef void _sink(self) noexcept nogil
    cdef void _rise(self, int32_t at) noexcept nogil
    cdef int _make_room(self) except -1
