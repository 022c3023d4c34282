"""The trade ids of fills that were applied already: what makes a fill count once."""
cimport cython
from libc.stdint cimport int8_t, int32_t, int64_t


cdef enum:
    TRADES_KEPT = 65536         # per market; an older fill that is repeated would count again


cdef struct TradeWindow:        # open addressing over a ring of the last TRADES_KEPT keys
    int64_t* table              # [2 * TRADES_KEPT]
    int64_t* ring               # in the order they came
    int32_t oldest, count


@cython.final
cdef class TradeIds:
    """The last `TRADES_KEPT` fills of each market, in memory allocated once (1.5 MB a market).

    Keyed by trade id and side: both our orders in a trade with ourselves have the same trade id, and both fills count.
    """
    cdef readonly int32_t markets
    cdef TradeWindow* windows

    cpdef bint seen(self, int32_t market, int8_t side, int64_t trade_id) noexcept nogil
    cpdef bint learn(self, int32_t market, int8_t side, int64_t trade_id) noexcept nogil    # 0: it was known
