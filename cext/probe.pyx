"""Timing loops around what takes tens of nanoseconds; see ``probe.pxd``.

Each returns one duration for every sample: nanoseconds per operation over `batch` of them, or of a single message less
the cost of the stamps around it. The inputs change from one operation to the next, so that nothing can be hoisted.
"""

from libc.stdint cimport int64_t
from libc.string cimport memset

from mmbot._core.book cimport Book
from mmbot._core.decode cimport Decoder
from mmbot._core.encode_binance cimport MAX_REQUEST, BinanceEncoder
from mmbot._core.floor cimport FrameTape, LevelTape
from mmbot._core.latency cimport HistogramData, histogram_clear, histogram_record, now_ns
from mmbot._core.message cimport DEPTH, SNAPSHOT, Decoded
from mmbot._core.quoting cimport (
    GlftCoefficients, Layout, Offsets, QuoteSet, Touch, avellaneda_stoikov, glft, glft_coefficients, ladder, lay_out,
)
from mmbot._core.sync cimport BookSync
from mmbot._core.types cimport Command, CommandView


cdef int64_t stamp_cost_ns() noexcept nogil:
    """What two stamps around nothing differ by, at best."""
    cdef int64_t best = 1 << 40, begin, end
    cdef int _i
    for _i in range(1000):
        begin = now_ns()
        end = now_ns()
        best = min(best, end - begin)
    return best


def book_levels(LevelTape tape not None, Book book not None, int64_t batch) -> list[float]:
    """Apply every message of the tape, best prices read after each: ns per level over at least `batch` levels."""
    cdef list samples = []
    cdef int64_t i, at = 0, first = 0, total = 0, begin = now_ns()
    for i in range(tape.n_messages):
        book.apply(0, tape.levels + at, tape.ends[2 * i] - at)
        at = tape.ends[2 * i]
        book.apply(1, tape.levels + at, tape.ends[2 * i + 1] - at)
        at = tape.ends[2 * i + 1]
        total += book.best_bid_ticks + book.best_ask_ticks
        if at - first >= batch:
            samples.append(<double>(now_ns() - begin) / <double>(at - first))
            first, begin = at, now_ns()
    if total == -1:
        samples.clear()         # never: keeps the reads of the best prices
    return samples


def frame_bytes(
    FrameTape tape not None, Decoder decoder not None, BookSync sync not None, int64_t batch,
) -> list[float]:
    """Decode every frame and apply it in sequence: ns per byte over at least `batch` bytes."""
    cdef list samples = []
    cdef Decoded message
    cdef int64_t i, at = 0, first = 0, begin = now_ns()
    for i in range(tape.n_frames):
        _step(tape, i, at, decoder, sync, &message)
        at = tape.ends[i]
        if at - first >= batch:
            samples.append(<double>(now_ns() - begin) / <double>(at - first))
            first, begin = at, now_ns()
    return samples


def frames(FrameTape tape not None, Decoder decoder not None, BookSync sync) -> list[int]:
    """Decode every frame, and apply it in sequence when `sync` is given: ns of each."""
    cdef list samples = []
    cdef Decoded message
    cdef int64_t i, at = 0, begin, end, cost = stamp_cost_ns()
    for i in range(tape.n_frames):
        begin = now_ns()
        _step(tape, i, at, decoder, sync, &message)
        end = now_ns()
        samples.append(max(end - begin - cost, 0))
        at = tape.ends[i]
    return samples


cdef inline void _step(
    FrameTape tape, int64_t i, int64_t at, Decoder decoder, BookSync sync, Decoded* message,
) noexcept:
    cdef int kind = decoder.decode(tape.data + at, tape.ends[i] - at, message)
    if sync is None:
        return
    if kind == DEPTH:
        sync.on_diff(message, 0)
    elif kind == SNAPSHOT:
        sync.on_snapshot(message, 0)


cdef enum Model:
    LADDER, AVELLANEDA_STOIKOV, GLFT


cdef list _quotes(Model model, int64_t samples, int64_t batch):
    """ns from model inputs to three laid-out levels a side."""
    cdef list out = []
    cdef Layout layout
    cdef QuoteSet quotes
    cdef Offsets offsets
    cdef GlftCoefficients known = glft_coefficients(0.01, 0.3, 0.9, 0.3)
    cdef Touch touch
    cdef int64_t _sample, i, begin, levels = 0
    cdef double q, fair
    memset(&layout, 0, sizeof(layout))
    layout.levels, layout.step_ticks, layout.qty_lots, layout.qty_growth, layout.min_qty_lots = 3, 5.0, 10.0, 1.0, 1
    for _sample in range(samples):
        begin = now_ns()
        for i in range(batch):
            q = <double>((i * 7) % 21 - 10) * 0.1
            fair = 600000.5 + <double>(i % 13)
            touch.bid_ticks, touch.ask_ticks = 600000 + i % 13, 600001 + i % 13
            if model == LADDER:
                offsets = ladder(12.5, 3.0, q)
            elif model == AVELLANEDA_STOIKOV:
                offsets = avellaneda_stoikov(q * 10, 0.1, 2.0, 1.5, 0.5 + 0.01 * <double>i)
            else:
                offsets = glft(known, q * 10)
            lay_out(fair, offsets, q, &layout, touch, &quotes)
            levels += quotes.n_bids + quotes.n_asks
        out.append(<double>(now_ns() - begin) / <double>batch)
    if levels == 0:
        raise ValueError("the models quoted nothing")
    return out


def quote_ladder(int64_t samples, int64_t batch) -> list[float]:
    """A ladder with inventory skew, laid out."""
    return _quotes(LADDER, samples, batch)


def quote_avellaneda_stoikov(int64_t samples, int64_t batch) -> list[float]:
    """The model with a finite horizon, laid out."""
    return _quotes(AVELLANEDA_STOIKOV, samples, batch)


def quote_glft(int64_t samples, int64_t batch) -> list[float]:
    """The model at known coefficients, laid out."""
    return _quotes(GLFT, samples, batch)


def signed_orders(
    BinanceEncoder encoder not None, CommandView command not None, int64_t samples, int64_t batch,
) -> list[float]:
    """The command, with another number, price and time each, as a signed message."""
    cdef list out = []
    cdef Command order = command.data
    cdef char[MAX_REQUEST] text
    cdef int64_t _sample, i, begin, size = 0
    for _sample in range(samples):
        begin = now_ns()
        for i in range(batch):
            order.order_num += 1
            order.price_ticks += 1 if i & 1 else -1
            order.ts_ns += 1000003
            size += encoder.encode(&order, text, MAX_REQUEST)
        out.append(<double>(now_ns() - begin) / <double>batch)
    if size < samples * batch * 100:
        raise ValueError("the command was not encoded")
    return out


def stamps(int64_t samples, int64_t batch) -> list[float]:
    """A stamp and its record in a histogram: what each hop of an event costs."""
    cdef list out = []
    cdef HistogramData data
    cdef int64_t _sample, _i, begin, last, now
    histogram_clear(&data)
    for _sample in range(samples):
        begin = last = now_ns()
        for _i in range(batch):
            now = now_ns()
            histogram_record(&data, now - last)
            last = now
        out.append(<double>(last - begin) / <double>batch)
    return out
