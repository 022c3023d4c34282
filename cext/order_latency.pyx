"""Order latency models; see ``order_latency.pxd`` for the contract."""

from libc.stdint cimport INT64_MIN, int64_t
from libc.stdlib cimport calloc, free


cdef class OrderLatency:
    """How long requests travel to the exchange, and answers back. Use one of the models below."""

    cdef int64_t entry_ns(self, int64_t ts_ns, int64_t feed_latency_ns) noexcept nogil:
        return 0

    cdef int64_t response_ns(self, int64_t exch_ns, int64_t feed_latency_ns) noexcept nogil:
        return 0

    cdef int64_t fill_ns(self, int64_t exch_ns, int64_t feed_latency_ns) noexcept nogil:
        return self.response_ns(exch_ns, feed_latency_ns)

    def entry_at(self, int64_t ts_ns, int64_t feed_latency_ns=0):
        """Latency in ns of a request that leaves at `ts_ns`; below 0: refused, which is known after its negative."""
        return self.entry_ns(ts_ns, feed_latency_ns)

    def response_at(self, int64_t exch_ns, int64_t feed_latency_ns=0):
        """Latency in ns of the answer to what the exchange did at `exch_ns`."""
        return self.response_ns(exch_ns, feed_latency_ns)

    def fill_at(self, int64_t exch_ns, int64_t feed_latency_ns=0):
        """Latency in ns of the news of a fill at `exch_ns`, which nobody asked for: that of answers, unless known."""
        return self.fill_ns(exch_ns, feed_latency_ns)


cdef class ConstantLatency(OrderLatency):
    """Always the same latency.

    Right for comparing ideas, and for a stress test with a latency worse than any seen; too kind when latency grows
    with the market's activity, which is when it costs most. Take a high percentile of measured latencies, not the mean.

    Args:
        entry_ns: from us to the matching engine.
        response_ns: from there back to us.

    Raises:
        ValueError: a negative latency.
    """

    def __cinit__(self, int64_t entry_ns, int64_t response_ns):
        if entry_ns < 0 or response_ns < 0:
            raise ValueError(f"ConstantLatency: expected latencies >= 0, found {entry_ns} and {response_ns}")
        self.entry, self.response = entry_ns, response_ns

    cdef int64_t entry_ns(self, int64_t ts_ns, int64_t feed_latency_ns) noexcept nogil:
        return self.entry

    cdef int64_t response_ns(self, int64_t exch_ns, int64_t feed_latency_ns) noexcept nogil:
        return self.response


cdef inline int64_t scaled(int64_t latency_ns, double factor, int64_t offset_ns) noexcept nogil:
    cdef int64_t value = <int64_t>(<double>latency_ns * factor) + offset_ns
    return value if value > 0 else 0


cdef class FeedLatency(OrderLatency):
    """A multiple of the feed's latency at that time, plus a constant; never below 0.

    Right when no order latencies were recorded: a busy exchange delays its feed and its orders together, so bursts slow
    down orders as they should. The factors are guesses until a few live orders have been measured. The two clocks must
    agree: a recorder that is late by a millisecond adds it to every latency.

    Args:
        entry_factor: multiplies the feed latency, for requests.
        response_factor: the same for answers.
        entry_offset_ns: added to requests' latency.
        response_offset_ns: added to answers' latency.

    Raises:
        ValueError: a factor below 0 or not finite.
    """

    def __cinit__(self, double entry_factor=1.0, double response_factor=1.0, int64_t entry_offset_ns=0,
                  int64_t response_offset_ns=0):
        if not 0.0 <= entry_factor < 1e6 or not 0.0 <= response_factor < 1e6:
            raise ValueError("FeedLatency: expected factors of at least 0 and below 1e6, found "
                             f"{entry_factor} and {response_factor}")
        self.entry_factor, self.response_factor = entry_factor, response_factor
        self.entry_offset_ns, self.response_offset_ns = entry_offset_ns, response_offset_ns

    cdef int64_t entry_ns(self, int64_t ts_ns, int64_t feed_latency_ns) noexcept nogil:
        return scaled(feed_latency_ns, self.entry_factor, self.entry_offset_ns)

    cdef int64_t response_ns(self, int64_t exch_ns, int64_t feed_latency_ns) noexcept nogil:
        return scaled(feed_latency_ns, self.response_factor, self.response_offset_ns)


# Index of the last point at or before `ts_ns`; the caller has seen that there is one, and one after it.
cdef int64_t locate(LatencyCurve* curve, int64_t ts_ns) noexcept nogil:
    cdef int64_t low = 0, high = curve.count - 1, middle
    if curve.points[curve.cursor].at_ns <= ts_ns:
        low = curve.cursor
        if ts_ns < curve.points[low + 1].at_ns:
            return low
    while high - low > 1:
        middle = (low + high) >> 1
        if curve.points[middle].at_ns <= ts_ns:
            low = middle
        else:
            high = middle
    curve.cursor = low
    return low


# Index of the next point at this very time, one further each time it is asked for, the last one for good; -1: none.
cdef int64_t next_at(LatencyCurve* curve, int64_t ts_ns) noexcept nogil:
    cdef int64_t last = curve.count - 1
    if ts_ns < curve.points[last].at_ns:
        last = locate(curve, ts_ns)
    if curve.points[last].at_ns != ts_ns:
        return -1
    if curve.turn_ns == ts_ns:
        curve.turn = min(curve.turn + 1, last)
        return curve.turn
    curve.turn_ns, curve.turn = ts_ns, last
    while curve.turn > 0 and curve.points[curve.turn - 1].at_ns == ts_ns:
        curve.turn -= 1
    return curve.turn


cdef inline int64_t of_point(const LatencyPoint* point) noexcept nogil:
    return -point.refused_ns if point.refused else point.latency_ns


# Go on to the two points, as they were recorded, that `ts_ns` lies between; False: no such ones are left.
cdef bint step(LatencyCurve* curve, int64_t ts_ns) noexcept nogil:
    while curve.cursor + 1 < curve.count:
        if curve.points[curve.cursor].at_ns <= ts_ns < curve.points[curve.cursor + 1].at_ns:
            return True
        curve.cursor += 1
    return False


# On the line between this point and the next. If one of the two was refused, so is this, and the line is that of how
# long it takes to know.
cdef int64_t between(const LatencyPoint* a, int64_t ts_ns) noexcept nogil:
    cdef const LatencyPoint* b = a + 1
    cdef bint refused = a.refused or b.refused
    cdef int64_t first = a.refused_ns if refused else a.latency_ns
    cdef int64_t second = b.refused_ns if refused else b.latency_ns
    cdef int64_t value = first + <int64_t>(
        <double>(second - first) / <double>(b.at_ns - a.at_ns) * <double>(ts_ns - a.at_ns))
    return -value if refused else value


# The latency at `ts_ns`: of the nearest point outside of the recorded time, on the line between two points inside it.
cdef int64_t interpolate(LatencyCurve* curve, int64_t ts_ns) noexcept nogil:
    cdef int64_t first
    if ts_ns < curve.points[0].at_ns:
        return of_point(&curve.points[0])
    if curve.forward:
        if not step(curve, ts_ns):
            return of_point(&curve.points[curve.count - 1])
        return between(&curve.points[curve.cursor], ts_ns)
    if curve.in_turn:
        first = next_at(curve, ts_ns)
        if first >= 0:
            return of_point(&curve.points[first])
    if ts_ns >= curve.points[curve.count - 1].at_ns:
        return of_point(&curve.points[curve.count - 1])
    return between(&curve.points[locate(curve, ts_ns)], ts_ns)


cdef class RecordedLatency(OrderLatency):
    """Latencies that were measured with real orders, interpolated over time.

    The right one whenever there is a record of the same account, place and period: `mmbot record` writes the feeds, a
    bot's journal holds its orders. It says nothing about latencies at times when no order was sent, which is why a bot
    should send some all the time; and requests that were sent in different places or ways (REST, websocket) need
    records of their own.

    A row whose `exch_ns` is 0 or less is a request that never reached the matching engine (overload, a fault).
    Between such a row and its neighbours every request is refused, and the bot learns it after the interpolated
    `resp_ns - req_ns`. Such rows say nothing about answers' latency. Before the first row and after the last one, the
    latency is theirs.

    Args:
        req_ns: when the request left, our clock, in order.
        exch_ns: when the exchange acted on it, its clock; 0: it never did.
        resp_ns: when the answer came, our clock.
        offset_ns: added to `exch_ns`, and twice to `resp_ns`: brings the clocks together, or adds to both ways.
        fill_exch_ns: when orders were filled, the exchange's clock, in order; None: fills take as long as answers.
        fill_resp_ns: when we knew.
        as_hftbacktest: rows are gone through once, as that program does it: one that a time has passed is not looked at
            again, and a request that never reached the engine stands among the answers as one of time 0.
        in_turn: of several rows at the same time each counts for one request or answer of that time, as they come: for
            a session that is repeated, where one event sends several requests. Else the last one counts for all.

    Raises:
        ValueError: no row, columns of different length, times out of order, a latency below 0 (the clocks differ), or
            no row at all that reached the exchange.
    """

    def __cinit__(self, req_ns, exch_ns, resp_ns, int64_t offset_ns=0, *, fill_exch_ns=None, fill_resp_ns=None,
                  bint in_turn=False, bint as_hftbacktest=False):
        cdef int64_t count = len(req_ns), index, req, exch, resp
        cdef bint any_reached = False
        self.entries.in_turn = self.responses.in_turn = self.fills.in_turn = in_turn
        self.entries.forward = self.responses.forward = as_hftbacktest
        if count == 0 or len(exch_ns) != count or len(resp_ns) != count:
            raise ValueError("RecordedLatency: expected three columns of the same length, at least 1, found "
                             f"{count}, {len(exch_ns)} and {len(resp_ns)}")
        self.entries.points = <LatencyPoint*>calloc(count, sizeof(LatencyPoint))
        self.responses.points = <LatencyPoint*>calloc(count, sizeof(LatencyPoint))
        if self.entries.points == NULL or self.responses.points == NULL:
            raise MemoryError
        for index in range(count):
            req, exch, resp = req_ns[index], exch_ns[index], resp_ns[index]
            resp += 2 * offset_ns
            if exch <= 0:
                if resp <= req:
                    raise ValueError(f"RecordedLatency, row {index}: expected resp_ns after req_ns, found {resp - req} "
                                     "ns between them")
                append(&self.entries, LatencyPoint(req, 0, resp - req, 1), index)
                if as_hftbacktest:
                    append(&self.responses, LatencyPoint(0, resp, 0, 0), index)
                continue
            any_reached = True
            exch += offset_ns
            if exch < req or resp < exch:
                raise ValueError(f"RecordedLatency, row {index}: expected latencies >= 0, found {exch - req} ns there "
                                 f"and {resp - exch} ns back (the clocks differ: see offset_ns)")
            append(&self.entries, LatencyPoint(req, exch - req, resp - req, 0), index)
            append(&self.responses, LatencyPoint(exch, resp - exch, 0, 0), index)
        if not any_reached:
            raise ValueError("RecordedLatency: expected a request that reached the exchange, found none in "
                             f"{count} rows")
        if fill_exch_ns is not None:
            self._take_fills(fill_exch_ns, fill_resp_ns, offset_ns)

    cdef int _take_fills(self, fill_exch_ns, fill_resp_ns, int64_t offset_ns) except -1:
        cdef int64_t count = len(fill_exch_ns), index, exch, resp
        if fill_resp_ns is None or len(fill_resp_ns) != count:
            raise ValueError(f"RecordedLatency: expected {count} fill_resp_ns, as many as fill_exch_ns")
        if count == 0:
            return 0
        self.fills.points = <LatencyPoint*>calloc(count, sizeof(LatencyPoint))
        if self.fills.points == NULL:
            raise MemoryError
        for index in range(count):
            exch, resp = fill_exch_ns[index] + offset_ns, fill_resp_ns[index] + 2 * offset_ns
            if resp < exch:
                raise ValueError(f"RecordedLatency, fill {index}: expected latencies >= 0, found {resp - exch} ns back")
            append(&self.fills, LatencyPoint(exch, resp - exch, 0, 0), index)
        return 0

    def __dealloc__(self):
        free(self.entries.points)
        free(self.responses.points)
        free(self.fills.points)

    def __len__(self):
        """Rows recorded."""
        return self.entries.count

    cdef int64_t entry_ns(self, int64_t ts_ns, int64_t feed_latency_ns) noexcept nogil:
        return interpolate(&self.entries, ts_ns)

    cdef int64_t response_ns(self, int64_t exch_ns, int64_t feed_latency_ns) noexcept nogil:
        return interpolate(&self.responses, exch_ns)

    cdef int64_t fill_ns(self, int64_t exch_ns, int64_t feed_latency_ns) noexcept nogil:
        return interpolate(&self.fills if self.fills.count else &self.responses, exch_ns)


# Of several points at the same time the last one counts, unless they do in turn: no time lies between them.
cdef int append(LatencyCurve* curve, LatencyPoint point, int64_t row) except -1:
    cdef int64_t last_ns = curve.points[curve.count - 1].at_ns if curve.count else INT64_MIN
    if point.at_ns < last_ns and not curve.forward:
        raise ValueError(f"RecordedLatency, row {row}: expected times in order, found {point.at_ns} after {last_ns}")
    if point.at_ns == last_ns and not curve.in_turn and not curve.forward:
        curve.count -= 1
    curve.points[curve.count] = point
    curve.count += 1
    return 0
