"""Order commands -> signed Binance requests: websocket API messages, and REST queries as the fallback.

What is fixed of a market (symbol, decimals, order of parameters) is prepared when the market is added; a command then
costs a few copies, integer formatting and one signature.

Parameters stand sorted by name, as the websocket API wants them signed; REST takes any order.
``timestamp`` is (command.ts_ns + clock_offset_ns) in ms.  The JSON ``id`` is "<kind><order_num>-<event_seq>", kind being
p (place), a (amend), c (cancel), x (cancel all) or q (query); unique within a session, so that answers find their command.
"""
from libc.stdint cimport int32_t, int64_t

from mmbot._core.sign cimport HmacSha256
from mmbot._core.types cimport Command, DecimalUnit


cdef enum:
    MAX_REQUEST = 1024              # bytes that every encoded request fits in
    NO_MARKET = -1                  # encode: the market was never added
    BAD_KIND = -2                   # encode: the command is not an order request, or this venue has no such request
    NO_ROOM = -3                    # encode: `capacity` is below MAX_REQUEST


cdef struct MarketTemplate:
    DecimalUnit tick
    DecimalUnit lot
    int32_t symbol_size             # 0: the slot is free
    char symbol[32]


cdef class BinanceEncoder:
    """Encoder of one account of one venue; `encode` and `encode_query` are safe without the GIL, from one thread."""
    cdef readonly bint futures              # True: USD-M rules; False: spot rules
    cdef readonly int64_t clock_offset_ns   # server time minus ours
    cdef readonly int32_t recv_window_ms
    cdef HmacSha256 key
    cdef MarketTemplate* markets
    cdef int32_t market_count
    cdef bytes api_key, client_prefix
    cdef const char* api_key_text
    cdef const char* prefix_text
    cdef int32_t api_key_size, prefix_size
    cdef char scratch[1024]                 # the text that is signed

    # Both return the length written, or one of the negative codes above; `out` has at least MAX_REQUEST bytes.
    cdef int encode(self, const Command* command, char* out, int capacity) noexcept nogil
    cdef int encode_query(self, const Command* command, char* out, int capacity) noexcept nogil
