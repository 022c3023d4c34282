"""Lines of a recording to batches; see ``intake.pxd`` for the rules."""

from libc.math cimport isfinite, llround
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memchr, memcpy, memset

from mmbot._core.book cimport Book
from mmbot._core.columns cimport BOTH, BatchColumns
from mmbot._core.decode cimport Decoder
from mmbot._core.latency cimport Histogram
from mmbot._core.message cimport (
    AGG_TRADE, BAD, BOOK_TICKER, CONTROL, DEPTH, IGNORED, SNAPSHOT, TRADE, Decoded,
)
from mmbot._core.tape cimport TapeFlag, TapeKind
from mmbot._core.types cimport Level

from mmbot._core.message import BadReason

cdef int64_t DAY_NS = 86_400_000_000_000
cdef int64_t FIRST_NS = 946_684_800_000_000_000             # the years 2000
cdef int64_t LAST_NS = 4_102_444_800_000_000_000            # to 2100

cdef int64_t MOST_BACK_NS = 5_000_000_000                   # more is no clock that was set, but lines out of order

cdef enum:
    OLDER = -1
    NEXT = 0
    MISSED = 1
    KEPT_LIMIT = 16 << 20       # bytes of diffs kept for a snapshot
    GAP_PLACES = 20

AGG_TRADE_KIND = AGG_KIND
UNTIMED = UNTIMED_FLAG
REPLAY = REPLAY_FLAG


cdef class Intake:
    """Turns the lines of one market's recording into batches.

    Args:
        decoder: of one market, whose index is 0.
        followed: mmbot's own rules; else the plain ones.
        tickers: keep book tickers, as TICKER.
        marks: keep mark prices, as MARK.
        tick: plain rules: the tick to round prices to; 0: the decoder's units are the tape's.
        lot: the same for quantities.
        unit: plain rules: units of the decoder per one, for prices and quantities.
        strict: stop at the first line that cannot be decoded.
        odd_line: gives what a line that is not ``<ns> <json>`` holds: ``(local_ns, payload, is_snapshot)``, None for
            nothing; raises ValueError for a line in no known format.
    """

    def __cinit__(
        self, Decoder decoder not None, *, bint followed, bint tickers, bint marks, bint strict, odd_line,
        double tick=0.0, double lot=0.0, double unit=1.0,
    ):
        self.decoder, self.odd_line = decoder, odd_line
        self.spot = decoder.kind == "binance_spot"
        self.followed, self.tickers, self.marks, self.strict = followed, tickers, marks, strict
        self.tick, self.lot, self.unit = tick, lot, unit
        self.book, self.out = Book(), BatchColumns()
        self.last_id = self.snapshot_id = -1
        self.file_first_ns = self.file_latest_ns = -1
        self.first_exch_ns = self.last_exch_ns = self.last_local_ns = self.latest_event_ns = -1
        self.gap_places = []

    def __dealloc__(self):
        free(self.kept)
        free(self.seen)

    # -- lines -----------------------------------------------------------------------------------------------------

    def feed(self, bytes text not None) -> bool:
        """Take in whole lines; False when it stopped at one that cannot be decoded, which `fault` then describes."""
        cdef const char* p = text
        cdef const char* end = p + len(text)
        cdef const char* stop
        while p < end:
            stop = <const char*> memchr(p, c"\n", end - p)
            if stop == NULL:
                stop = end
            self.lines += 1
            if not self._line(p, stop):
                return False
            self.offset += stop + 1 - p
            p = stop + 1
        return True

    cdef bint _line(self, const char* p, const char* end) except -1:
        """One line; False: stop here."""
        cdef const char* start = p
        cdef int64_t local_ns = 0
        cdef int64_t before = self.undecodable
        cdef int digits = 0
        while end > p and (end - 1)[0] in (c"\r", c" "):
            end -= 1
        if p == end:
            self.empty += 1
            return True
        while p < end and c"0" <= p[0] <= c"9" and digits < 18:
            local_ns = 10 * local_ns + (p[0] - c"0")
            p += 1
            digits += 1
        if digits == 18 and p < end and c"0" <= p[0] <= c"9" and local_ns < 922_337_203_685_477_580:
            local_ns = 10 * local_ns + (p[0] - c"0")
            p += 1
        if p > start and end - p > 1 and p[0] == c" " and p[1] != c" ":
            self._message(p + 1, end - p - 1, local_ns, -1)
        else:
            self._odd(start, end)
        return self.undecodable == before or not self.strict

    cdef int _odd(self, const char* p, const char* end) except -1:
        cdef bytes payload
        cdef int64_t local_ns
        try:
            found = self.odd_line(p[:end - p])
        except ValueError:
            return self._undecodable(p, end - p, "no known line format")
        if found is None:
            self.no_messages += 1
            return 0
        local_ns, payload, is_snapshot = found
        return self._message(payload, len(payload), local_ns, 0 if is_snapshot else -1)

    cdef int _undecodable(self, const char* p, Py_ssize_t n, str reason) except -1:
        self.undecodable += 1
        if self.fault is None:
            self.fault = (self.lines, self.offset, reason, p[:min(n, 80)])
        return 0

    # -- messages --------------------------------------------------------------------------------------------------

    cdef int _message(self, const char* p, Py_ssize_t n, int64_t local_ns, int32_t market) except -1:
        cdef Decoded* frame = &self.frame
        cdef int kind
        if market >= 0:
            kind = self.decoder.decode_snapshot(market, p, n, frame)
        else:
            kind = self.decoder.decode(p, n, frame)
        if kind == BAD:
            return self._undecodable(p, n, BadReason(frame.reason).name)
        if kind == CONTROL or kind == IGNORED:
            self.no_messages += 1
            return 0
        if not self._is_sensible(local_ns, frame.txn_ts_ns if frame.txn_ts_ns else frame.event_ts_ns):
            return self._undecodable(p, n, f"RECEIVED at {local_ns}")
        if self.strict and not self._is_in_order(local_ns):
            return self._undecodable(p, n, f"ORDER {max(self.file_latest_ns, self.file_first_ns)} {local_ns}")
        if local_ns < self.last_local_ns:
            self.local_back += 1
            self.local_back_max_ns = max(self.local_back_max_ns, self.last_local_ns - local_ns)
        self.last_local_ns = local_ns
        if frame.event_ts_ns > self.latest_event_ns and frame.event_ts_ns > 0:
            self.latest_event_ns = frame.event_ts_ns
        if kind == DEPTH:
            return self._depth(local_ns)
        if kind == SNAPSHOT:
            return self._snapshot(local_ns)
        if kind == TRADE or kind == AGG_TRADE:
            return self._print(local_ns)
        if kind == BOOK_TICKER:
            return self._ticker(local_ns)
        return self._mark(local_ns)

    cdef bint _is_sensible(self, int64_t local_ns, int64_t exch_ns) noexcept:
        """Whether a message can have come in then: a line's damaged time would move all times of the tape."""
        if not FIRST_NS <= local_ns < LAST_NS:
            return False
        if exch_ns <= 0:                                # it states none
            exch_ns = self.latest_event_ns
        if exch_ns <= 0:
            return True
        # A book that is asked for states when it last changed, which on a quiet market is long ago.
        return exch_ns - local_ns <= DAY_NS and (local_ns - exch_ns <= DAY_NS or self.frame.kind == SNAPSHOT)

    cdef bint _is_in_order(self, int64_t local_ns) noexcept:
        """Whether a message may stand where it does: within a file in order, and no file before an earlier one."""
        cdef int64_t least = self.file_latest_ns if self.file_latest_ns >= 0 else self.file_first_ns
        if least >= 0 and local_ns < least - MOST_BACK_NS:
            return False
        if self.file_latest_ns < 0:
            self.file_first_ns = local_ns
        self.file_latest_ns = max(self.file_latest_ns, local_ns)
        return True

    def begin_file(self) -> None:
        """The lines that follow are of another file, which may begin before the last one ended."""
        self.file_latest_ns = -1

    cdef int64_t _time(self, int64_t exch_ns, int64_t local_ns) except? -1:
        """Notes the exchange's time of a message."""
        if self.first_exch_ns < 0:
            self.first_exch_ns = exch_ns
        if exch_ns < self.last_exch_ns:
            self.exch_back += 1
            self.exch_back_max_ns = max(self.exch_back_max_ns, self.last_exch_ns - exch_ns)
        self.last_exch_ns = exch_ns
        return exch_ns

    cdef int _depth(self, int64_t local_ns) except -1:
        cdef Decoded* frame = &self.frame
        cdef int64_t exch_ns = frame.txn_ts_ns if frame.txn_ts_ns else frame.event_ts_ns
        cdef int place = self._place()
        self._time(exch_ns, local_ns)
        if place == OLDER:
            self.older += 1
            if self.followed:
                return 0
        elif place == MISSED:
            self.gaps += 1
            if len(self.gap_places) < GAP_PLACES:
                self.gap_places.append((self.lines, local_ns, self.last_id, frame.first_id))
            self._gap(exch_ns, local_ns)
        elif self.last_id < 0 and self.snapshot_id < 0:
            self._gap(exch_ns, local_ns)                # what the book holds before the first snapshot is not known
        elif self.snapshot_id >= 0:
            self.trusted = True
        if place != OLDER:
            self.last_id, self.snapshot_id = frame.last_id, -1
        if self.followed and not self.trusted:
            self._keep(exch_ns)
        self._side(TapeKind.DEPTH, 0, frame.bids, frame.n_bids, exch_ns, local_ns, frame.last_id, BOTH)
        self._side(TapeKind.DEPTH, 1, frame.asks, frame.n_asks, exch_ns, local_ns, frame.last_id, BOTH)
        self._look()
        return 0

    cdef int _place(self) noexcept:
        """Where a diff stands in the sequence: as `BookSync` places it, and without a snapshot after the last diff."""
        cdef Decoded* frame = &self.frame
        cdef int64_t last = self.last_id
        if self.snapshot_id >= 0:
            last = self.snapshot_id
            if self.spot:
                return OLDER if frame.last_id <= last else NEXT if frame.first_id <= last + 1 else MISSED
            if frame.last_id < last:
                return OLDER
            return NEXT if frame.first_id <= last or frame.prev_id <= last else MISSED
        if last < 0:
            return NEXT
        if frame.last_id <= last:
            return OLDER
        if self.spot:
            return NEXT if frame.first_id == last + 1 else MISSED
        return NEXT if frame.prev_id == last else MISSED

    cdef int _gap(self, int64_t exch_ns, int64_t local_ns) except -1:
        self.trusted = False
        self.kept_used = 0
        if self.followed and not self.unknown:
            self.out.open(TapeKind.GAP, 0, 0, exch_ns, local_ns, self.frame.first_id, BOTH)
        self.unknown = True
        return 0

    cdef int _snapshot(self, int64_t local_ns) except -1:
        cdef Decoded* frame = &self.frame
        cdef const Level* levels
        cdef Level* clear
        cdef int64_t exch_ns = frame.txn_ts_ns if frame.txn_ts_ns else frame.event_ts_ns
        cdef int64_t snapshot_id = frame.last_id
        cdef int side, n, flags = BOTH
        if self.followed:
            if self.trusted and snapshot_id <= self.last_id:
                self.redundant += 1
                return 0
            if not self.trusted and not self._bridged(snapshot_id):
                self.refused += 1
                return 0
        self.snapshots += 1
        if exch_ns == 0:                                # spot states none
            exch_ns = self.latest_event_ns
            self.untimed += 1
            flags = BOTH | UNTIMED_FLAG
        else:
            self._time(exch_ns, local_ns)
        for side in range(2):
            levels, n = (frame.bids, frame.n_bids) if side == 0 else (frame.asks, frame.n_asks)
            if n == 0 and not self.followed:
                continue
            clear = self.out.open(TapeKind.CLEAR, side, 1, exch_ns, local_ns, snapshot_id, flags)
            clear.price_ticks = 0 if self.followed else self._ticks(levels[n - 1].price_ticks)
            clear.qty_lots = 0
            self.book.clear_to(side, clear.price_ticks)
            self._side(TapeKind.SNAPSHOT, side, levels, n, exch_ns, local_ns, snapshot_id, flags)
        self._look()
        self.unknown = False
        if self.followed:
            self._replay(snapshot_id, exch_ns, local_ns)
        else:
            # Plainly, diffs go on as they come: the stream's own sequence is what can be looked at.
            self.snapshot_id = snapshot_id if self.last_id < 0 else -1
        return 0

    cdef int _look(self) noexcept:
        """Notes whether the message has crossed the book."""
        cdef bint crossed = self.book.is_crossed()
        self.crossed += crossed
        self.crossings += crossed and not self.was_crossed
        self.was_crossed = crossed
        return 0

    # -- the sequence ----------------------------------------------------------------------------------------------

    cdef int _keep(self, int64_t exch_ns) except -1:
        """Remembers the diff at hand for a snapshot to come."""
        cdef Decoded* frame = &self.frame
        cdef Py_ssize_t size = sizeof(KeptDiff) + (frame.n_bids + frame.n_asks) * <Py_ssize_t> sizeof(Level)
        cdef KeptDiff* kept
        cdef void* grown
        if self.kept_used + size > KEPT_LIMIT:
            self.kept_used = 0                          # a snapshot from before is refused then
        if self.kept_used + size > self.kept_room:
            grown = realloc(self.kept, 2 * (self.kept_used + size))
            if grown == NULL:
                raise MemoryError
            self.kept, self.kept_room = <char*> grown, 2 * (self.kept_used + size)
        kept = <KeptDiff*> (self.kept + self.kept_used)
        kept.exch_ns, kept.n_bids, kept.n_asks = exch_ns, frame.n_bids, frame.n_asks
        kept.first_id, kept.last_id, kept.prev_id = frame.first_id, frame.last_id, frame.prev_id
        memcpy(kept + 1, frame.bids, frame.n_bids * sizeof(Level))
        memcpy(<Level*> (kept + 1) + frame.n_bids, frame.asks, frame.n_asks * sizeof(Level))
        self.kept_used += size
        return 0

    cdef bint _bridged(self, int64_t snapshot_id) noexcept:
        """Whether the first kept diff that goes beyond a snapshot, if there is one, follows on it."""
        cdef const KeptDiff* kept
        cdef Py_ssize_t at = 0
        while at < self.kept_used:
            kept = <const KeptDiff*> (self.kept + at)
            if self.spot:
                if kept.last_id > snapshot_id:
                    return kept.first_id <= snapshot_id + 1
            elif kept.last_id >= snapshot_id:
                return kept.first_id <= snapshot_id or kept.prev_id <= snapshot_id
            at += sizeof(KeptDiff) + (kept.n_bids + kept.n_asks) * <Py_ssize_t> sizeof(Level)
        return True

    cdef int _replay(self, int64_t snapshot_id, int64_t exch_ns, int64_t local_ns) except -1:
        """Puts the kept diffs that go beyond the snapshot after it.

        For us they happen when the snapshot is here. At the exchange they have happened already, unless their time is
        not after the snapshot's: then they would be lost under it, and are put there again too.
        """
        cdef const KeptDiff* kept
        cdef const Level* levels
        cdef Py_ssize_t at = 0
        cdef int64_t own_ns
        cdef int flags
        self.snapshot_id, self.trusted = snapshot_id, False
        while at < self.kept_used:
            kept = <const KeptDiff*> (self.kept + at)
            levels = <const Level*> (kept + 1)
            at += sizeof(KeptDiff) + (kept.n_bids + kept.n_asks) * <Py_ssize_t> sizeof(Level)
            if kept.last_id < snapshot_id or (self.spot and kept.last_id == snapshot_id):
                continue
            flags = REPLAY_FLAG | <int> TapeFlag.LOCAL
            own_ns = kept.exch_ns
            if own_ns <= exch_ns:
                own_ns = exch_ns
                flags |= <int> TapeFlag.EXCH
            self._side(TapeKind.DEPTH, 0, levels, kept.n_bids, own_ns, local_ns, kept.last_id, flags)
            self._side(TapeKind.DEPTH, 1, levels + kept.n_bids, kept.n_asks, own_ns, local_ns, kept.last_id, flags)
            self._look()
            self.last_id, self.snapshot_id, self.trusted = kept.last_id, -1, True
        self.kept_used = 0
        return 0

    # -- the other kinds -------------------------------------------------------------------------------------------

    cdef int _print(self, int64_t local_ns) except -1:
        cdef Decoded* frame = &self.frame
        cdef int64_t exch_ns = frame.txn_ts_ns if frame.txn_ts_ns else frame.event_ts_ns
        cdef Level* level
        if not frame.is_market:
            self.trades_dropped += 1
            return 0
        self._time(exch_ns, local_ns)
        level = self.out.open(
            TapeKind.TRADE if frame.kind == TRADE else AGG_KIND, frame.taker_side, 1, exch_ns, local_ns,
            frame.trade_id, BOTH)
        level.price_ticks, level.qty_lots = self._ticks(frame.price_ticks), self._lots(frame.qty_lots)
        return 0

    cdef int _ticker(self, int64_t local_ns) except -1:
        cdef Decoded* frame = &self.frame
        cdef int64_t exch_ns = frame.txn_ts_ns if frame.txn_ts_ns else frame.event_ts_ns
        cdef int flags = BOTH
        cdef Level* level
        if not self.tickers:
            self.left_out += 1
            return 0
        if exch_ns == 0:                                # spot states none
            exch_ns = self.latest_event_ns
            self.untimed += 1
            flags = BOTH | UNTIMED_FLAG
        else:
            self._time(exch_ns, local_ns)
        level = self.out.open(TapeKind.TICKER, 0, 2, exch_ns, local_ns, frame.last_id, flags)
        level[0].price_ticks, level[0].qty_lots = self._ticks(frame.bid_ticks), self._lots(frame.bid_lots)
        level[1].price_ticks, level[1].qty_lots = self._ticks(frame.ask_ticks), self._lots(frame.ask_lots)
        return 0

    cdef int _mark(self, int64_t local_ns) except -1:
        cdef Decoded* frame = &self.frame
        cdef Level* level
        if not self.marks:
            self.left_out += 1
            return 0
        self._time(frame.event_ts_ns, local_ns)
        level = self.out.open(TapeKind.MARK, 0, 2, frame.event_ts_ns, local_ns, 0, BOTH)
        level[0].price_ticks, level[0].qty_lots = _scaled(frame.mark_price, 1e8), _scaled(frame.index_price, 1e8)
        level[1].price_ticks, level[1].qty_lots = _scaled(frame.funding_rate, 1e12), frame.next_funding_ns
        return 0

    # -- columns ---------------------------------------------------------------------------------------------------

    cdef int64_t _ticks(self, int64_t price) noexcept:
        return llround((<double> price / self.unit) / self.tick) if self.tick > 0 else price

    cdef int64_t _lots(self, int64_t qty) noexcept:
        return llround((<double> qty / self.unit) / self.lot) if self.lot > 0 else qty

    cdef int _side(
        self, int kind, int side, const Level* levels, Py_ssize_t n, int64_t exch_ns, int64_t local_ns, int64_t seq,
        int flags,
    ) except -1:
        """One side of a message: a batch, or several when it names a price twice."""
        cdef Level* out
        cdef Py_ssize_t i, taken, batch
        if n == 0:
            return 0
        out = self.out.open(kind, side, n, exch_ns, local_ns, seq, flags)
        for i in range(n):
            out[i].price_ticks, out[i].qty_lots = self._ticks(levels[i].price_ticks), self._lots(levels[i].qty_lots)
        self.book.apply(side, out, n)
        taken = self._distinct(out, n)
        while taken < n:                                # the rest of it is a batch of its own
            self.split += 1
            batch = self.out.n - 1
            self.out.count[batch] = <uint32_t> taken
            self.out.n_levels -= n - taken              # they stay where they are
            out, n = out + taken, n - taken
            self.out.open(kind, side, n, exch_ns, local_ns, seq, flags)
            out = self.out.levels + self.out.n_levels - n
            taken = self._distinct(out, n)
        return 0

    cdef Py_ssize_t _distinct(self, const Level* levels, Py_ssize_t n) except -1:
        """How many of the levels, from the first, have prices of their own."""
        cdef Py_ssize_t i, slot, room = 64
        cdef int64_t price
        cdef bint rising = n < 2 or levels[1].price_ticks > levels[0].price_ticks
        for i in range(1, n):                           # in order, as venues send them
            if (levels[i].price_ticks > levels[i - 1].price_ticks) != rising \
                    or levels[i].price_ticks == levels[i - 1].price_ticks:
                break
        else:
            return n
        while room < 2 * n:
            room *= 2
        if room > self.seen_room:
            free(self.seen)
            self.seen_room = 0
            self.seen = <int64_t*> malloc(room * sizeof(int64_t))
            if self.seen == NULL:
                raise MemoryError
            self.seen_room = room
        memset(self.seen, 0xFF, room * sizeof(int64_t))     # -1 is no price
        for i in range(n):
            price = levels[i].price_ticks
            slot = <Py_ssize_t> ((<uint64_t> price * 0x9E3779B97F4A7C15ULL) >> 32) & (room - 1)
            while self.seen[slot] != -1:
                if self.seen[slot] == price:
                    return i
                slot = (slot + 1) & (room - 1)
            self.seen[slot] = price
        return n

    @property
    def batches(self) -> int:
        """Batches that `take` would give."""
        return self.out.n

    def take(self) -> dict:
        """The batches since the last call, as new arrays by column; ``flags`` may hold `UNTIMED` and `REPLAY` too."""
        return self.out.take(self.out.n)


cdef int64_t _scaled(double value, double scale) noexcept:
    """Value * scale to the nearest integer; 0 when it is not stated or absurd."""
    value *= scale
    return llround(value) if isfinite(value) and -9e18 < value < 9e18 else 0


def record_latencies(
    const int64_t[::1] exch_ns not None, const int64_t[::1] local_ns not None, const uint8_t[::1] flags not None,
    int64_t shift_ns, Histogram histogram not None,
) -> None:
    """Put local - exchange time + shift of every batch that has a time of its own into a histogram."""
    cdef Py_ssize_t i
    for i in range(exch_ns.shape[0]):
        if not flags[i] & (UNTIMED_FLAG | REPLAY_FLAG):
            histogram.record(local_ns[i] - exch_ns[i] + shift_ns)
