"""Incremental market signals; see ``signals.pxd`` for the contract."""
import struct

cimport cython
from libc.math cimport NAN, exp, exp2, isnan, log, sqrt
from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from mmbot._core.types cimport Level

cdef int64_t MAX_GAP_NS = 60_000_000_000
cdef double SAMPLES_PER_S = 1e9 / SAMPLE_NS
cdef double LN2 = 0.6931471805599453
# Below these a number is noise: 10 s of volatility; 60 s of trades; 5 trades beyond a depth; 3 depths for a line.
cdef int64_t MIN_VOLATILITY_SAMPLES = 100
cdef int64_t MIN_FIT_SAMPLES = 600
cdef int64_t MIN_TRADES_BEYOND = 5
cdef int64_t MIN_FIT_DEPTHS = 3

# A wilder jump within 100 ms counts as this one, so that sums of squares stay exact.
cdef int64_t MAX_CHANGE_HALF_TICKS = 10_000_000

STATE_VERSION = 1
# version; four settings; nine counters and times; ten results; four accumulators. The used part of the ring follows.
_STATE = struct.Struct("<q 4d 9q 10d 4d")


@cython.final
cdef class Signals:
    """Signals of one market from its book changes and trades.

    Every field is NaN until it is known: volatilities after 10 s, `intensity` and `k` after 60 s with enough trades.
    The state is exactly exportable, and the same events give the same values to the last bit.

    Args:
        half_life_s: of the exponentially weighted volatility.
        flow_half_life_s: of the trade flow.
        window_s: of realised volatility and of the fit of `intensity` and `k`, up to 3600.
        fit_depth_ticks: the fit uses depths up to this far from the mid; farther out the decay is not exponential.

    Raises:
        ValueError: a setting is outside its limits.
    """

    def __cinit__(
        self, *, double half_life_s=30.0, double flow_half_life_s=10.0, double window_s=600.0,
        double fit_depth_ticks=35.0,
    ):
        if not (0.1 <= half_life_s <= 86400.0 and 0.1 <= flow_half_life_s <= 86400.0):
            raise ValueError(f"half lives: expected 0.1 to 86400 s, found {half_life_s} and {flow_half_life_s}")
        if not 60.0 <= window_s <= 3600.0:
            raise ValueError(f"window_s: expected 60 to 3600, found {window_s}")
        if not 1.5 <= fit_depth_ticks <= 0.5 * MAX_DEPTH_HALF_TICKS:
            raise ValueError(f"fit_depth_ticks: expected 1.5 to {0.5 * MAX_DEPTH_HALF_TICKS}, found {fit_depth_ticks}")
        self.half_life_s, self.flow_half_life_s = half_life_s, flow_half_life_s
        self.window_s, self.fit_depth_ticks = window_s, fit_depth_ticks
        self._decay = exp2(-1.0 / (half_life_s * SAMPLES_PER_S))
        self._flow_rate = LN2 / flow_half_life_s
        self._fit_half_ticks = <int32_t>(2.0 * fit_depth_ticks)
        self._capacity = <int64_t>(window_s * SAMPLES_PER_S)
        self._until_fit = FIT_EVERY
        self._ring = <Sample*>calloc(self._capacity, sizeof(Sample))
        if self._ring is NULL:
            raise MemoryError
        self.mid_ticks = self.microprice_ticks = self.imbalance = self.depth_imbalance = NAN
        self.volatility = self.realised_volatility = self.intensity = self.k = NAN
        self.flow_lots_per_s = self.volume_lots_per_s = NAN

    def __dealloc__(self):
        free(self._ring)

    cpdef void on_book(
        self, int64_t bid_ticks, int64_t bid_lots, int64_t ask_ticks, int64_t ask_lots, int64_t ts_ns,
    ) noexcept nogil:
        """The touch changed. A one-sided or crossed book tells nothing and is ignored."""
        cdef double share
        if bid_ticks <= 0 or ask_ticks <= bid_ticks or bid_lots <= 0 or ask_lots <= 0:
            return
        self.on_mid(bid_ticks + ask_ticks, ts_ns)
        share = <double>bid_lots / <double>(bid_lots + ask_lots)
        self.microprice_ticks = <double>bid_ticks + share * <double>(ask_ticks - bid_ticks)
        self.imbalance = 2.0 * share - 1.0

    cpdef void on_mid(self, int64_t mid_half_ticks, int64_t ts_ns) noexcept nogil:
        """The mid price is `mid_half_ticks` / 2 from `ts_ns` on."""
        self.on_time(ts_ns)
        if self._mid_half_ticks == 0:
            self._sampled_half_ticks = mid_half_ticks
        self._mid_half_ticks = mid_half_ticks
        self.mid_ticks = 0.5 * <double>mid_half_ticks

    cdef void on_depth(self, const Level* bids, int n_bids, const Level* asks, int n_asks) noexcept nogil:
        """Imbalance of the total quantity in these levels."""
        cdef int64_t bid_lots = 0, ask_lots = 0
        cdef int i
        for i in range(n_bids):
            bid_lots += bids[i].qty_lots
        for i in range(n_asks):
            ask_lots += asks[i].qty_lots
        self.set_depth_imbalance(bid_lots, ask_lots)

    cpdef void set_depth_imbalance(self, int64_t bid_lots, int64_t ask_lots) noexcept nogil:
        """Imbalance of these total quantities; two empty sides tell nothing and are ignored."""
        if bid_lots + ask_lots > 0:
            self.depth_imbalance = <double>(bid_lots - ask_lots) / <double>(bid_lots + ask_lots)

    cpdef void on_trade(self, int side, int64_t price_ticks, int64_t qty_lots, int64_t ts_ns) noexcept nogil:
        """A market order traded at this price, `side` being the taker's; its depth counts from the mid before it."""
        cdef int64_t depth
        cdef double fade
        self.on_time(ts_ns)
        if self._mid_half_ticks > 0:
            depth = 2 * price_ticks - self._mid_half_ticks
            depth = depth if side == 0 else -depth
            if depth > self._deepest_half_ticks:
                self._deepest_half_ticks = <int32_t>min(depth, <int64_t>MAX_DEPTH_HALF_TICKS)
        fade = exp(-self._flow_rate * 1e-9 * <double>(self._last_ns - self._trade_ns)) if self._trade_ns > 0 else 0.0
        self._trade_ns = self._last_ns
        self._signed_lots = self._signed_lots * fade + <double>(qty_lots if side == 0 else -qty_lots)
        self._total_lots = self._total_lots * fade + <double>qty_lots
        self.flow_lots_per_s = self._signed_lots * self._flow_rate
        self.volume_lots_per_s = self._total_lots * self._flow_rate

    cpdef void on_time(self, int64_t ts_ns) noexcept nogil:
        """Time passed; time that goes back (venues' clocks do) counts as standing still."""
        if ts_ns >= self._next_sample_ns:
            self._close_intervals(ts_ns)
        if ts_ns > self._last_ns:
            self._last_ns = ts_ns

    cpdef void forget_mid(self) noexcept nogil:
        """The book is not to be trusted: no price is known, and the interval under way is not counted."""
        self._mid_half_ticks = self._sampled_half_ticks = 0
        self._deepest_half_ticks = 0
        self.mid_ticks = self.microprice_ticks = self.imbalance = self.depth_imbalance = NAN

    cpdef bint calibrated(self) noexcept nogil:
        """Whether `volatility`, `intensity` and `k` are all known."""
        return not (isnan(self.volatility) or isnan(self.intensity) or isnan(self.k))

    cdef void _close_intervals(self, int64_t ts_ns) noexcept nogil:
        """Every interval that ended by `ts_ns` becomes a sample; those without events had no change and no trade."""
        if ts_ns - self._last_ns > MAX_GAP_NS:
            self._mid_half_ticks = 0    # an outage: where the market went in it is not a change within an interval
        if self._mid_half_ticks == 0:
            self._deepest_half_ticks = 0
        else:
            while self._next_sample_ns <= ts_ns:
                self._push(
                    <int32_t>min(max(self._mid_half_ticks - self._sampled_half_ticks, -MAX_CHANGE_HALF_TICKS),
                                 MAX_CHANGE_HALF_TICKS),
                    self._deepest_half_ticks,
                )
                self._sampled_half_ticks = self._mid_half_ticks
                self._deepest_half_ticks = 0
                self._next_sample_ns += SAMPLE_NS
        self._next_sample_ns = (ts_ns // SAMPLE_NS + 1) * SAMPLE_NS

    cdef void _push(self, int32_t change_half_ticks, int32_t depth_half_ticks) noexcept nogil:
        """One more sample: into the ring in place of the oldest, and into every sum."""
        cdef Sample* slot = self._ring + self._position
        if self.samples == self._capacity:
            self._count(slot, -1)
        else:
            self.samples += 1
        slot.change_half_ticks, slot.depth_half_ticks = change_half_ticks, depth_half_ticks
        self._count(slot, 1)
        self._position = self._position + 1 if self._position + 1 < self._capacity else 0
        self._update_volatility(<double>change_half_ticks * change_half_ticks)
        self._until_fit -= 1
        if self._until_fit == 0:
            self._until_fit = FIT_EVERY
            self._fit()

    cdef inline void _count(self, const Sample* sample, int32_t sign) noexcept nogil:
        cdef int64_t change = sample.change_half_ticks
        self._change_sum += sign * change
        self._change_square_sum += sign * change * change
        self._depth_counts[sample.depth_half_ticks] += sign

    cdef inline void _update_volatility(self, double change_square) noexcept nogil:
        cdef double gain = 1.0 - self._decay
        cdef double mean
        # Both start at zero, so their ratio is unbiased from the first sample on.
        self._variance += gain * (change_square - self._variance)
        self._variance_weight += gain * (1.0 - self._variance_weight)
        if self.samples >= MIN_VOLATILITY_SAMPLES:
            self.volatility = 0.5 * sqrt(self._variance / self._variance_weight * SAMPLES_PER_S)
            mean = <double>self._change_sum / <double>self.samples
            self.realised_volatility = 0.5 * sqrt(
                max(<double>self._change_square_sum / <double>self.samples - mean * mean, 0.0) * SAMPLES_PER_S
            )

    cdef void _fit(self) noexcept nogil:
        """Least squares of ln(lambda(d)) = ln(A) - k*d, lambda(d) = intervals whose deepest trade was beyond d / time.

        The procedure of hftbacktest's tutorial on the GLFT model: an order at depth d is taken to fill when a trade
        goes strictly beyond it, and only depths near the mid are fitted. Depths are whole half ticks, as the mid moves
        by these; `k` comes out per tick and `intensity` per second.
        """
        cdef double n = 0.0, sx = 0.0, sy = 0.0, sxx = 0.0, sxy = 0.0, x, y, slope
        cdef double seconds = <double>self.samples / SAMPLES_PER_S
        cdef int64_t beyond = 0
        cdef int32_t depth
        if self.samples < MIN_FIT_SAMPLES:
            return
        for depth in range(MAX_DEPTH_HALF_TICKS - 1, 0, -1):
            beyond += self._depth_counts[depth + 1]
            if depth > self._fit_half_ticks or beyond < MIN_TRADES_BEYOND:
                continue
            x, y = 0.5 * <double>depth, log(<double>beyond / seconds)
            n, sx, sy, sxx, sxy = n + 1.0, sx + x, sy + y, sxx + x * x, sxy + x * y
        if n < MIN_FIT_DEPTHS:
            return
        slope = (n * sxy - sx * sy) / (n * sxx - sx * sx)
        if slope < 0.0:
            self.k = -slope
            self.intensity = exp((sy - slope * sx) / n)

    def export_state(self) -> bytes:
        """Everything, settings included, for `import_state`."""
        head = _STATE.pack(
            STATE_VERSION, self.half_life_s, self.flow_half_life_s, self.window_s, self.fit_depth_ticks,
            self.samples, self._position, self._until_fit, self._mid_half_ticks, self._sampled_half_ticks,
            self._last_ns, self._next_sample_ns, self._trade_ns, self._deepest_half_ticks,
            self.mid_ticks, self.microprice_ticks, self.imbalance, self.depth_imbalance, self.volatility,
            self.realised_volatility, self.intensity, self.k, self.flow_lots_per_s, self.volume_lots_per_s,
            self._variance, self._variance_weight, self._signed_lots, self._total_lots,
        )
        return head + (<char*>self._ring)[:self.samples * sizeof(Sample)]

    def import_state(self, bytes state not None) -> None:
        """Continue exactly where `export_state` was called.

        Raises:
            ValueError: not such a state, or one made with other settings. Nothing is changed.
        """
        if len(state) < _STATE.size:
            raise ValueError(f"signals state: expected at least {_STATE.size} bytes, found {len(state)}")
        version, *values = _STATE.unpack_from(state)
        settings = [self.half_life_s, self.flow_half_life_s, self.window_s, self.fit_depth_ticks]
        if version != STATE_VERSION or values[:4] != settings:
            raise ValueError(
                f"signals state: expected version {STATE_VERSION} with settings {settings}, "
                f"found version {version} with {values[:4]}"
            )
        cdef bytes ring = state[_STATE.size:]
        if not 0 <= values[4] <= self._capacity or len(ring) != values[4] * sizeof(Sample):
            raise ValueError(f"signals state: {values[4]} samples do not fit {len(ring)} bytes of them")
        self._restore(values[4:], ring)

    cdef int _restore(self, list values, bytes ring) except -1:
        cdef int64_t i
        cdef Sample* samples = <Sample*><char*>ring
        for i in range(<int64_t>values[0]):
            if not 0 <= samples[i].depth_half_ticks <= MAX_DEPTH_HALF_TICKS:
                raise ValueError(f"signals state: sample {i} has a depth of {samples[i].depth_half_ticks} half ticks")
        (
            self.samples, self._position, self._until_fit, self._mid_half_ticks, self._sampled_half_ticks,
            self._last_ns, self._next_sample_ns, self._trade_ns, self._deepest_half_ticks,
            self.mid_ticks, self.microprice_ticks, self.imbalance, self.depth_imbalance, self.volatility,
            self.realised_volatility, self.intensity, self.k, self.flow_lots_per_s, self.volume_lots_per_s,
            self._variance, self._variance_weight, self._signed_lots, self._total_lots,
        ) = values
        self._position %= self._capacity
        self._until_fit = min(max(self._until_fit, 1), FIT_EVERY)
        self._deepest_half_ticks = min(max(self._deepest_half_ticks, 0), MAX_DEPTH_HALF_TICKS)
        memcpy(self._ring, samples, len(ring))
        memset(self._depth_counts, 0, sizeof(self._depth_counts))
        self._change_sum = self._change_square_sum = 0
        for i in range(self.samples):
            self._count(self._ring + i, 1)
        return 0
