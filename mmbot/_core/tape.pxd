"""A tape: market events of one market as flat columns in a file, memory-mapped, for a backtest to run over.

An event is a *batch* of levels that share their times, kind and side: one side of a depth message, a trade, a book
ticker. A file is a sequence of chunks; a chunk holds the columns of its batches, then their levels. Little-endian,
without holes: every byte is accounted for::

    header  8 bytes "MMTAPE\\r\\n", u32 version, u32 0x01020304
    chunk   u32 batches, u32 levels, u32 crc32c of the columns, u32 0; then the columns, each zero-padded to 8 bytes:
            i64 exch_ns[n]  i64 local_ns[n]  i64 seq[n]  u32 first[n]  u32 count[n]  u8 kind[n]  u8 side[n]  u8 flags[n]
            Level levels[m]
    footer  JSON: version, instrument, source, totals, quality, chunks: [[offset, batches, levels, then least and
            greatest exch_ns, least and greatest local_ns]]
    end     u32 length and u32 crc32c of the footer, 8 bytes "MMTAPEND"

Batches carrying `EXCH`, in file order, are ordered by exch_ns; those carrying `LOCAL` by local_ns. A batch that has its
place in both orders is stored once with both flags; else twice, once for each. A file without its footer is not a tape.
The order in which EXCH batches and LOCAL batches lie among each other is that of a merge by (exch_ns, local_ns).
"""
from libc.stdint cimport int64_t, uint8_t, uint32_t

from mmbot._core.types cimport Instrument, Level


cpdef enum TapeKind:
    DEPTH = 1           # levels of one side, absolute quantities; no price twice
    TRADE = 2           # one level: price and quantity; side: the taker's
    CLEAR = 3           # one level: everything from the side's best to this price is gone (price 0: the whole side)
    SNAPSHOT = 4        # as DEPTH, after a CLEAR
    TICKER = 5          # two levels: best bid, best ask; seq: the venue's update id
    MARK = 6            # (mark_price_e8, index_price_e8), (funding_rate_e12, next_funding_ns)
    GAP = 7             # no level: what the book holds is not known from here until both sides have had a CLEAR
    L3_ADD = 10         # one level: an order of this price and quantity; seq: its id; side: the order's
    L3_CANCEL = 11      # seq: the order's id
    L3_MODIFY = 12      # one level: the order's new price and quantity
    L3_FILL = 13        # one level: what of the order traded


cpdef enum TapeFlag:
    EXCH = 1            # happens at exch_ns at the exchange
    LOCAL = 2           # is seen at local_ns by us


cdef struct TapeChunk:  # pointers into the mapping
    const int64_t* exch_ns
    const int64_t* local_ns
    const int64_t* seq          # the venue's update, trade or order id; 0: none
    const uint32_t* first       # of `levels`
    const uint32_t* count
    const uint8_t* kind
    const uint8_t* side
    const uint8_t* flags
    const Level* levels
    uint32_t batches, n_levels


cdef class Tape:
    """An open tape. Every chunk's checksum is verified once, when it is first asked for."""
    cdef readonly str path
    cdef readonly dict footer
    cdef readonly Instrument instrument
    cdef readonly int n_chunks
    cdef readonly int64_t batches, levels
    cdef TapeChunk* chunks
    cdef uint8_t* verified      # by chunk: 0 not yet, 1 good, 2 bad
    cdef const uint8_t* data
    cdef int64_t size           # bytes of the file
    cdef object mapping         # keeps the memory alive

    # The chunk's columns, or NULL: its checksum is wrong (`check_chunk` then says so as an exception). What is returned
    # is safe to read: every batch has as many levels as its kind needs, and they lie in the chunk.
    cdef const TapeChunk* chunk(self, int index) noexcept nogil
    # Chunks well behind the one that is asked for are given back, and read again when they are looked at.
    # -- private
    cdef const char* _fault(self, int index) noexcept nogil     # what is wrong with a chunk, NULL: nothing
