"""Order commands -> signed Binance requests: websocket API messages, and REST queries as the fallback.

What is fixed about a request (names, symbol, side, keys, and the hash of its beginning) is prepared when a market is
added, as a template: texts with numbers between them.  A command then costs a few copies, the formatting of its numbers
and one signature.

Parameters stand sorted by name, as the websocket API wants them signed; REST takes any order.  ``timestamp`` is
(command.ts_ns + clock_offset_ns) in ms.  The JSON ``id`` is "<kind><number>-<event_seq>": kind is p (place), a (amend),
c (cancel) or q (query) with the order_num, or C, Q with the venue's order id where order_num is 0 (an order of an
earlier session).  It is unique within a session, so that an answer finds its command.
"""
cimport cython
from libc.stdint cimport int32_t, int64_t, uint32_t

from mmbot._core.sign cimport HmacSha256
from mmbot._core.types cimport Command, CommandView, DecimalUnit


cdef enum:
    MAX_REQUEST = 1024              # bytes that every encoded request fits in
    NO_MARKET = -1                  # encode: the market was never added
    BAD_KIND = -2                   # encode: not an order request of this venue, or it names no order
    NO_ROOM = -3                    # encode: `capacity` is below MAX_REQUEST
    TEXTS = 8                       # texts a template has at most
    TEMPLATES = 22                  # per market: 16 places, 2 amends, cancel and query by either id


cdef struct Segment:
    const char* text                # readable for 32 bytes beyond its end
    int32_t size
    int32_t field                   # what follows it; END: nothing


cdef struct Template:
    Segment signed[TEXTS]           # the text that a websocket API request signs
    Segment json[TEXTS]             # the websocket API message, up to the signature
    Segment query[TEXTS]            # the REST query, up to the signature
    uint32_t state[8]               # hash state after the first `done` bytes of `signed`
    int32_t done                    # all of them in the first text
    bint used


cdef struct MarketTemplates:
    DecimalUnit tick, lot
    Template templates[TEMPLATES]


@cython.final
cdef class BinanceEncoder:
    """Encoder of one account of one venue; `encode` and `encode_query` need no GIL, and one thread at a time."""
    cdef readonly bint futures              # True: USD-M rules; False: spot rules
    cdef readonly int64_t clock_offset_ns   # server time minus ours
    cdef readonly int32_t recv_window_ms
    cdef HmacSha256 key
    cdef str api_key, client_prefix
    cdef MarketTemplates** markets          # by market index; NULL: not added
    cdef int32_t market_capacity
    cdef list texts                         # owns what the segments point to
    cdef char scratch[MAX_REQUEST]

    # Both return the length written, or one of the negative codes above; `out` has at least MAX_REQUEST bytes.
    cdef int encode(self, const Command* command, char* out, int capacity) noexcept nogil
    cdef int encode_query(self, const Command* command, char* out, int capacity) noexcept nogil

    cdef Template* _template(self, const Command* command) noexcept nogil
    cdef int _prepare(self, Template* template, str letter, str method, dict params) except -1
    cdef int _split(self, str text, Segment* segments) except -1
    cdef int _checked(self, CommandView command, int size) except -1
