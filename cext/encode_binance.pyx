"""Signed Binance order requests from prepared templates; see ``encode_binance.pxd`` for the contract.

Websocket API: developers.binance.com "New Order", "Modify Order", "Cancel Order", "Query Order" (USD-M websocket API);
binance-spot-api-docs ``web-socket-api.md`` (order.place, order.amend.keepPriority, order.cancel, order.status).
"""

cimport cython
from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memcpy, memset

from mmbot._core.decimal cimport format_units
from mmbot._core.types cimport (
    AMEND_ORDER, BUY, CANCEL_ORDER, GTC, GTX, PLACE, QUERY_ORDER, Command, CommandView, Instrument,
)


cdef enum:
    COPY = 32               # texts and fields are copied in steps of this many bytes
    FIELD_ROOM = 64
    SIGNATURE = 64
    MAX_MARKET = 4096
    MAX_TEXT = 700          # of a template's texts together: numbers (<= 169), signature and slack fit beside it
    # positions of templates in MarketTemplates; places come first, by side, time in force and reduce_only
    AMEND_AT = 16
    CANCEL_AT = 18
    QUERY_AT = 20


cdef enum:                  # what stands between two texts of a template
    END = 0
    CLIENT_NUMBER = 1       # order_num in base 36
    VENUE_ID = 2
    PRICE = 3
    QUANTITY = 4
    TIMESTAMP = 5
    NUMBER = 6              # order_num in decimal
    EVENT = 7
    FIELDS = 8


cdef struct Fields:
    char text[FIELDS][FIELD_ROOM]
    int32_t size[FIELDS]


_FIELD_NAMES = {
    "{client_number}": CLIENT_NUMBER, "{venue_id}": VENUE_ID, "{price}": PRICE, "{quantity}": QUANTITY,
    "{timestamp}": TIMESTAMP, "{number}": NUMBER, "{event}": EVENT,
}
_NUMBERS = {"orderId", "recvWindow", "timestamp"}      # the rest are JSON strings
_LETTERS = {PLACE: "p", AMEND_ORDER: "a", CANCEL_ORDER: "c", QUERY_ORDER: "q"}
_TIMES_IN_FORCE = ("GTC", "IOC", "FOK", "GTX")
cdef const char* PAIRS = (
    b"0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546474849"
    b"5051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899"
)
cdef const char* BASE36 = b"0123456789abcdefghijklmnopqrstuvwxyz"


cdef inline int32_t _decimal(uint64_t value, char* out) noexcept nogil:
    cdef char digits[24]
    cdef int at = 24
    cdef int pair
    while value >= 100:
        pair = <int>(value % 100) * 2
        value //= 100
        at -= 2
        digits[at] = PAIRS[pair]
        digits[at + 1] = PAIRS[pair + 1]
    if value >= 10:
        at -= 2
        digits[at] = PAIRS[value * 2]
        digits[at + 1] = PAIRS[value * 2 + 1]
    else:
        at -= 1
        digits[at] = <char>(48 + value)
    memcpy(out, digits + at, 24 - at)
    return 24 - at


cdef inline int32_t _base36(uint64_t value, char* out) noexcept nogil:
    cdef char digits[16]
    cdef int at = 16
    while True:
        at -= 1
        digits[at] = BASE36[value % 36]
        value //= 36
        if value == 0:
            break
    memcpy(out, digits + at, 16 - at)
    return 16 - at


cdef inline char* _copy(char* out, const char* text, int32_t size) noexcept nogil:
    """Copy `size` bytes in whole steps: both sides have room for the last step."""
    cdef int32_t at = 0
    while at < size:
        memcpy(out + at, text + at, COPY)
        at += COPY
    return out + size


cdef inline char* _write(const Segment* segment, const Fields* fields, char* out) noexcept nogil:
    while True:
        out = _copy(out, segment.text, segment.size)
        if segment.field == END:
            return out
        out = _copy(out, fields.text[segment.field], fields.size[segment.field])
        segment += 1


cdef void _fill(
    const Command* command, const MarketTemplates* market, int64_t offset_ns, Fields* fields
) noexcept nogil:
    cdef uint64_t number = command.order_num if command.order_num else <uint64_t>command.venue_order_id
    fields.size[CLIENT_NUMBER] = _base36(command.order_num, fields.text[CLIENT_NUMBER])
    fields.size[NUMBER] = _decimal(number, fields.text[NUMBER])
    fields.size[EVENT] = _decimal(command.event_seq, fields.text[EVENT])
    fields.size[TIMESTAMP] = _decimal(<uint64_t>((command.ts_ns + offset_ns) // 1000000), fields.text[TIMESTAMP])
    if command.kind == PLACE or command.kind == AMEND_ORDER:
        fields.size[PRICE] = format_units(command.price_ticks, &market.tick, fields.text[PRICE])
        fields.size[QUANTITY] = format_units(command.qty_lots, &market.lot, fields.text[QUANTITY])
    elif command.order_num == 0:
        fields.size[VENUE_ID] = _decimal(<uint64_t>command.venue_order_id, fields.text[VENUE_ID])


@cython.final
cdef class BinanceEncoder:
    """Encoder of one account: commands in, signed requests out.

    Args:
        futures: USD-M rules, else spot rules.
        api_key: the public part of the key.
        secret: the HMAC key; only states derived from it are kept.
        client_prefix: text before the order number in client order ids, such as ``"mm7f3a-t6bq1c-"``.
        recv_window_ms: how old a request may be when it reaches the venue, 1 .. 60000.

    Raises:
        ValueError: a text holds what would need escaping, or is too long.
    """

    def __cinit__(
        self, *, bint futures, str api_key not None, str secret not None, str client_prefix not None,
        int32_t recv_window_ms=5000,
    ):
        if not 1 <= recv_window_ms <= 60000:
            raise ValueError(f"recv_window_ms: expected 1 .. 60000, found {recv_window_ms}")
        self.futures, self.recv_window_ms = futures, recv_window_ms
        self.api_key = _plain("api_key", api_key, 100)
        self.client_prefix = _plain("client_prefix", client_prefix, 23)
        self.key = HmacSha256(secret.encode())
        self.texts = []

    def __dealloc__(self):
        cdef int32_t i
        for i in range(self.market_capacity):
            free(self.markets[i])
        free(self.markets)

    def add_market(self, int market, Instrument instrument not None) -> None:
        """Prepare the requests of one market; adding it again replaces them.

        Raises:
            ValueError: the index is outside 0 .. 4095, or the symbol holds what would need escaping.
        """
        if not 0 <= market < MAX_MARKET:
            raise ValueError(f"market: expected 0 .. {MAX_MARKET - 1}, found {market}")
        symbol = _plain("symbol", instrument.venue_symbol, 32)
        self._reserve(market + 1)
        cdef MarketTemplates* entry = self.markets[market]
        if entry is NULL:
            entry = <MarketTemplates*>calloc(1, sizeof(MarketTemplates))
            if entry is NULL:
                raise MemoryError
            self.markets[market] = entry
        entry.tick, entry.lot = instrument.tick, instrument.lot
        for side in ("BUY", "SELL"):
            at = 0 if side == "BUY" else 1
            for tif in range(4):
                for reduce_only in range(2):
                    params = self._place_params(symbol, side, tif, reduce_only)
                    self._prepare(&entry.templates[(at * 4 + tif) * 2 + reduce_only], "p", "order.place", params)
            method = "order.modify" if self.futures else "order.amend.keepPriority"
            self._prepare(&entry.templates[AMEND_AT + at], "a", method, self._amend_params(symbol, side))
        for at, (letter, method) in ((CANCEL_AT, ("c", "order.cancel")), (QUERY_AT, ("q", "order.status"))):
            ours = {"origClientOrderId": self.client_prefix + "{client_number}", "symbol": symbol}
            self._prepare(&entry.templates[at], letter, method, ours)
            earlier = {"orderId": "{venue_id}", "symbol": symbol}
            self._prepare(&entry.templates[at + 1], letter.upper(), method, earlier)

    def set_clock_offset(self, int64_t offset_ns) -> None:
        """Say how far the server's clock is ahead of ours."""
        self.clock_offset_ns = offset_ns

    def _reserve(self, int32_t count) -> None:
        cdef MarketTemplates** grown
        if count <= self.market_capacity:
            return
        grown = <MarketTemplates**>realloc(self.markets, count * sizeof(MarketTemplates*))
        if grown is NULL:
            raise MemoryError
        memset(grown + self.market_capacity, 0, (count - self.market_capacity) * sizeof(MarketTemplates*))
        self.markets, self.market_capacity = grown, count

    def _place_params(self, str symbol, str side, int tif, int reduce_only) -> dict[str, str]:
        params = {
            "newClientOrderId": self.client_prefix + "{client_number}", "newOrderRespType": "ACK",
            "price": "{price}", "quantity": "{quantity}", "side": side, "symbol": symbol, "type": "LIMIT",
        }
        if tif == GTX and not self.futures:
            params["type"] = "LIMIT_MAKER"
        else:
            params["timeInForce"] = _TIMES_IN_FORCE[tif]
        if reduce_only and self.futures:
            params["reduceOnly"] = "true"
        return params

    def _amend_params(self, str symbol, str side) -> dict[str, str]:
        client_id = self.client_prefix + "{client_number}"
        if self.futures:
            return {
                "origClientOrderId": client_id, "price": "{price}", "quantity": "{quantity}", "side": side,
                "symbol": symbol,
            }
        # Without newClientOrderId the venue would give the order a new, random one.
        return {"newClientOrderId": client_id, "newQty": "{quantity}", "origClientOrderId": client_id, "symbol": symbol}

    cdef int _prepare(self, Template* template, str letter, str method, dict params) except -1:
        params = {**params, "recvWindow": str(self.recv_window_ms), "timestamp": "{timestamp}"}
        query = sorted(params.items())
        signed = sorted({**params, "apiKey": self.api_key}.items())
        body = ",".join(f'"{name}":{value}' if name in _NUMBERS else f'"{name}":"{value}"' for name, value in signed)
        json = f'{{"id":"{letter}{{number}}-{{event}}","method":"{method}","params":{{{body},"signature":"'
        self._split("&".join(f"{name}={value}" for name, value in signed), template.signed)
        self._split(json, template.json)
        self._split("&".join(f"{name}={value}" for name, value in query) + "&signature=", template.query)
        # The REST signature leaves "&signature=" out: see encode_query.
        template.done = <int32_t>self.key.prepare(template.signed[0].text, template.signed[0].size, template.state)
        template.used = True
        return 0

    cdef int _split(self, str text, Segment* segments) except -1:
        """Cut a text with ``{field}`` places into segments."""
        cdef int count = 0
        if len(text) > MAX_TEXT:
            raise ValueError("a request would not fit its buffer; shorten the api_key or the client_prefix")
        while True:
            found = [(text.index(name), name) for name in _FIELD_NAMES if name in text]
            at, name = min(found) if found else (len(text), "")
            piece = text[:at].encode("ascii")
            padded = piece + bytes(COPY)
            self.texts.append(padded)
            segments[count].text = padded
            segments[count].size = <int32_t>len(piece)
            segments[count].field = _FIELD_NAMES[name] if name else END
            if not name:
                return 0
            count += 1
            text = text[at + len(name):]

    cdef Template* _template(self, const Command* command) noexcept nogil:
        cdef MarketTemplates* market = self.markets[command.market]
        cdef int side = 0 if command.side == BUY else 1
        cdef int by_venue_id = 1 if command.order_num == 0 else 0
        if command.kind == PLACE:
            if by_venue_id or command.time_in_force < GTC or command.time_in_force > GTX:
                return NULL
            return &market.templates[(side * 4 + command.time_in_force) * 2 + (1 if command.reduce_only else 0)]
        if command.kind == AMEND_ORDER:
            return NULL if by_venue_id else &market.templates[AMEND_AT + side]
        if by_venue_id and command.venue_order_id <= 0:
            return NULL
        if command.kind == CANCEL_ORDER:
            return &market.templates[CANCEL_AT + by_venue_id]
        if command.kind == QUERY_ORDER:
            return &market.templates[QUERY_AT + by_venue_id]
        return NULL

    cdef int encode(self, const Command* command, char* out, int capacity) noexcept nogil:
        cdef Fields fields
        cdef Template* template
        cdef char* end
        cdef Py_ssize_t signed_size
        if capacity < MAX_REQUEST:
            return NO_ROOM
        if command.market < 0 or command.market >= self.market_capacity or self.markets[command.market] is NULL:
            return NO_MARKET
        template = self._template(command)
        if template is NULL:
            return BAD_KIND
        _fill(command, self.markets[command.market], self.clock_offset_ns, &fields)
        signed_size = _write(template.signed, &fields, self.scratch) - self.scratch
        end = _write(template.json, &fields, out)
        self.key.hex_after(
            template.state, template.done, self.scratch + template.done, signed_size - template.done, end
        )
        end += SIGNATURE
        memcpy(end, b"\"}}", 3)
        return <int>(end + 3 - out)

    cdef int encode_query(self, const Command* command, char* out, int capacity) noexcept nogil:
        cdef Fields fields
        cdef Template* template
        cdef char* end
        if capacity < MAX_REQUEST:
            return NO_ROOM
        if command.market < 0 or command.market >= self.market_capacity or self.markets[command.market] is NULL:
            return NO_MARKET
        template = self._template(command)
        if template is NULL:
            return BAD_KIND
        _fill(command, self.markets[command.market], self.clock_offset_ns, &fields)
        end = _write(template.query, &fields, out)
        # "&signature=" is part of the template but not of what is signed
        self.key.hex_into(out, end - out - 11, end)
        return <int>(end + SIGNATURE - out)

    def encode_command(self, CommandView command not None) -> bytes:
        """Encode one command as a signed websocket API message.

        Raises:
            ValueError: the market was not added, or the command is no order request of this venue.
        """
        cdef char out[MAX_REQUEST]
        return out[:self._checked(command, self.encode(&command.data, out, MAX_REQUEST))]

    def encode_query_command(self, CommandView command not None) -> bytes:
        """Encode one command as a signed REST query (PLACE: POST, AMEND: PUT, CANCEL: DELETE, QUERY: GET).

        Raises:
            ValueError: the market was not added, or the command is no order request of this venue.
        """
        cdef char out[MAX_REQUEST]
        return out[:self._checked(command, self.encode_query(&command.data, out, MAX_REQUEST))]

    cdef int _checked(self, CommandView command, int size) except -1:
        if size == NO_MARKET:
            raise ValueError(f"market {command.data.market} was not added to the encoder")
        if size < 0:
            raise ValueError(f"no order request can be made of {command!r}")
        return size

    @staticmethod
    def request_id(CommandView command not None) -> str:
        """Tell the JSON ``id`` that the request of a command carries."""
        cdef str letter = _LETTERS.get(command.data.kind, "?")
        if command.data.order_num:
            return f"{letter}{command.data.order_num}-{command.data.event_seq}"
        return f"{letter.upper()}{command.data.venue_order_id}-{command.data.event_seq}"

    def __repr__(self) -> str:
        return f"BinanceEncoder(futures={self.futures})"

    def __reduce__(self):
        raise TypeError("BinanceEncoder holds a secret and is not pickled")


def _plain(str what, str text not None, int limit):
    """Return the text if it needs escaping neither in JSON nor in a query."""
    if not 0 < len(text) <= limit or not all(c.isascii() and (c.isalnum() or c in "-_.") for c in text):
        shown = "another text" if what == "api_key" else repr(text)
        raise ValueError(f"{what}: expected 1 .. {limit} letters, digits, '-', '_' or '.', found {shown}")
    return text
