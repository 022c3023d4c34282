"""Logarithmic histograms of durations and the clock for them; see ``latency.pxd`` for the contract."""
cimport cython
from libc.math cimport NAN
from libc.stdint cimport INT64_MAX, int64_t, uint64_t
from libc.string cimport memset

cdef extern from *:
    int __builtin_clzll(unsigned long long x) nogil

cdef extern from "stamp.h" nogil:
    void stamp_calibrate() noexcept
    int64_t stamp_ns() noexcept
    int64_t stamp_utc_ns() noexcept

cdef enum:
    SUB_BUCKETS = 1 << SUB_BUCKET_BITS
    MAX_WAIT_NS = 3600000000000
    ANCHOR_NS = 200000          # for so long the two clocks run alike, to within 20 ns

stamp_calibrate()

HOP_NAMES = tuple(hop.name.lower() for hop in Hop)


cdef int64_t now_ns() noexcept nogil:
    """Nanoseconds from a start of their own: only the difference of two stamps means something."""
    return stamp_ns()


cdef void histogram_clear(HistogramData* data) noexcept nogil:
    """Forget every value."""
    memset(data, 0, sizeof(HistogramData))
    data.min_ns = INT64_MAX


cdef inline int _bucket(int64_t value_ns) noexcept nogil:
    """Values below 32 have a bucket each; above, the five bits after the leading one choose it within its octave."""
    cdef int shift
    if value_ns < SUB_BUCKETS:
        return <int>value_ns
    shift = 63 - __builtin_clzll(<unsigned long long>value_ns) - SUB_BUCKET_BITS
    return min((shift << SUB_BUCKET_BITS) + <int>(value_ns >> shift), BUCKETS - 1)


cdef inline double _middle(int bucket) noexcept nogil:
    """The value that stands for all in a bucket."""
    cdef int shift
    if bucket < 2 * SUB_BUCKETS:
        return <double>bucket
    shift = (bucket >> SUB_BUCKET_BITS) - 1
    return (<double>((bucket & (SUB_BUCKETS - 1)) + SUB_BUCKETS) + 0.5) * <double>(<int64_t>1 << shift) - 0.5


cdef void histogram_record(HistogramData* data, int64_t value_ns) noexcept nogil:
    """Count one duration; a negative one (two clocks that disagree) counts as 0."""
    value_ns = max(value_ns, 0)
    data.count += 1
    data.total_ns += <uint64_t>value_ns
    data.max_ns = max(data.max_ns, value_ns)
    data.min_ns = min(data.min_ns, value_ns)
    data.buckets[_bucket(value_ns)] += 1


cdef double histogram_percentile(const HistogramData* data, double percent) noexcept nogil:
    """The value, within 1.6 %, that `percent` of all values do not exceed; ns, NaN when empty."""
    cdef double wanted = percent * 0.01 * <double>data.count
    cdef uint64_t seen = 0
    cdef int bucket
    if data.count == 0 or not 0.0 <= percent <= 100.0:
        return NAN
    for bucket in range(BUCKETS):
        seen += data.buckets[bucket]
        if seen > 0 and <double>seen >= wanted:
            return min(max(_middle(bucket), <double>data.min_ns), <double>data.max_ns)
    return <double>data.max_ns


cdef dict _summary_us(const HistogramData* data):
    if data.count == 0:
        return {"count": 0, "p50": None, "p99": None, "p999": None, "max": None}
    return {
        "count": data.count,
        "p50": histogram_percentile(data, 50.0) / 1e3,
        "p99": histogram_percentile(data, 99.0) / 1e3,
        "p999": histogram_percentile(data, 99.9) / 1e3,
        "max": <double>data.max_ns / 1e3,
    }


@cython.final
cdef class Histogram:
    """One histogram of durations in nanoseconds."""

    def __cinit__(self):
        histogram_clear(&self.data)

    cpdef void record(self, int64_t value_ns) noexcept nogil:
        """Count one duration."""
        histogram_record(&self.data, value_ns)

    def percentile(self, double percent) -> float:
        """The value in ns, within 1.6 %, that `percent` (0 to 100) of all values do not exceed; NaN when empty."""
        return histogram_percentile(&self.data, percent)

    def merge(self, Histogram other not None) -> None:
        """Add every value of `other`."""
        cdef int bucket
        self.data.count += other.data.count
        self.data.total_ns += other.data.total_ns
        self.data.max_ns = max(self.data.max_ns, other.data.max_ns)
        self.data.min_ns = min(self.data.min_ns, other.data.min_ns)
        for bucket in range(BUCKETS):
            self.data.buckets[bucket] += other.data.buckets[bucket]

    def reset(self) -> None:
        """Forget every value."""
        histogram_clear(&self.data)

    def summary_us(self) -> dict[str, float | None]:
        """``count``, and ``p50 p99 p999 max`` in microseconds (None when empty)."""
        return _summary_us(&self.data)

    @property
    def count(self) -> int:
        """Number of values."""
        return self.data.count

    @property
    def max_ns(self) -> int:
        """The greatest value, exact; 0 when empty."""
        return self.data.max_ns

    @property
    def min_ns(self) -> int:
        """The smallest value, exact; 0 when empty."""
        return self.data.min_ns if self.data.count else 0

    @property
    def mean_ns(self) -> float:
        """The mean, exact; NaN when empty."""
        return <double>self.data.total_ns / <double>self.data.count if self.data.count else NAN


@cython.final
cdef class LatencyBoard:
    """One histogram for every `Hop`."""

    def __cinit__(self):
        self.reset()

    cdef void record(self, Hop hop, int64_t value_ns) noexcept nogil:
        """Count a duration of a hop."""
        histogram_record(&self.hops[<int>hop], value_ns)

    cdef int64_t start(self) noexcept nogil:
        """Now, for the first `lap`."""
        return 0 if self.off else now_ns()

    cdef void received(self, int64_t recv_ns, int64_t now_ns) noexcept nogil:
        """Count the time from the receive stamp `recv_ns`, UTC, to `now_ns`, which `start` has just given.

        A stamp of another day (a replay) does not count. In a burst UTC is not read anew for each frame.
        """
        cdef int64_t waited_ns
        if self.off:
            return
        if now_ns - self.anchor_ns >= ANCHOR_NS:
            self.anchor_ns, self.anchor_utc_ns = now_ns, stamp_utc_ns()
        waited_ns = self.anchor_utc_ns + (now_ns - self.anchor_ns) - recv_ns
        if 0 <= waited_ns < <int64_t>MAX_WAIT_NS:
            histogram_record(&self.hops[<int>Hop.RECEIVE], waited_ns)

    cdef int64_t lap(self, Hop hop, int64_t start_ns) noexcept nogil:
        """Count the time since `start_ns` as this hop's; returns now, where the next hop starts."""
        cdef int64_t now
        if self.off:
            return 0
        now = now_ns()
        histogram_record(&self.hops[<int>hop], now - start_ns)
        return now

    def add(self, int hop, int64_t value_ns) -> None:
        """Count a duration of a hop measured in Python.

        Raises:
            ValueError: there is no such hop.
        """
        if not 0 <= hop < HOPS:
            raise ValueError(f"hop: expected 0 to {HOPS - 1}, found {hop}")
        histogram_record(&self.hops[hop], value_ns)

    def stamp(self, int hop, int64_t start_ns) -> int:
        """`lap` for Python: count the time since `start_ns`, a `clock_ns`, as this hop's, and return now.

        Raises:
            ValueError: there is no such hop.
        """
        if not 0 <= hop < HOPS:
            raise ValueError(f"hop: expected 0 to {HOPS - 1}, found {hop}")
        return self.lap(<Hop>hop, start_ns)

    def histogram(self, int hop) -> Histogram:
        """A copy of one hop's histogram.

        Raises:
            ValueError: there is no such hop.
        """
        if not 0 <= hop < HOPS:
            raise ValueError(f"hop: expected 0 to {HOPS - 1}, found {hop}")
        cdef Histogram copy = Histogram()
        copy.data = self.hops[hop]
        return copy

    def snapshot(self) -> dict[str, dict[str, float | None]]:
        """``{hop: {count, p50, p99, p999, max}}`` in microseconds, hops in the order an event passes them."""
        return {name: _summary_us(&self.hops[hop]) for hop, name in enumerate(HOP_NAMES)}

    def reset(self) -> None:
        """Forget every value of every hop."""
        cdef int hop
        for hop in range(HOPS):
            histogram_clear(&self.hops[hop])


def clock_ns() -> int:
    """`now_ns` for Python: only the difference of two stamps means something."""
    return now_ns()
