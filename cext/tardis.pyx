"""Rows of Tardis' CSV files to batches; see ``tardis.pxd`` for the rules."""

from libc.math cimport NAN, isfinite, llround
from libc.stdint cimport int64_t
from libc.string cimport memchr, memcmp, memcpy

from mmbot._core.columns cimport BOTH, BatchColumns
from mmbot._core.decimal cimport DECIMAL_EXPONENT, Unit, error_text
from mmbot._core.digits cimport MM_NOT_WHOLE, mm_parse_units
from mmbot._core.tape cimport TapeKind
from mmbot._core.types cimport DecimalUnit, Level, Side

from decimal import Decimal, InvalidOperation

KINDS = {
    "incremental_book_L2": (
        "timestamp", "local_timestamp", "side", "price", "amount", "is_snapshot", "symbol", "exchange",
    ),
    "trades": ("timestamp", "local_timestamp", "side", "price", "amount", "id", "symbol", "exchange"),
    "derivative_ticker": (
        "timestamp", "local_timestamp", "mark_price", "index_price", "funding_rate", "funding_timestamp",
        "symbol", "exchange",
    ),
}

cdef enum:
    TIMESTAMP = 0           # places in `KINDS`
    LOCAL_TIMESTAMP = 1
    SIDE = 2
    PRICE = 3
    AMOUNT = 4
    SNAPSHOT_OR_ID = 5
    MARK_PRICE = 2
    INDEX_PRICE = 3
    FUNDING_RATE = 4
    FUNDING_TIMESTAMP = 5
    SYMBOL = 6
    EXCHANGE = 7
    BOOK = 0
    TRADES = 1
    TICKER = 2
    _OURS = 0               # of `_ours`
    _OTHER = 1
    _WRONG = 2
    SHOWN = 60              # bytes of a row that a message shows

cdef int64_t MIN_US = 946_684_800_000_000                   # the years 2000
cdef int64_t MAX_US = 4_102_444_800_000_000                 # to 2100
cdef int64_t DAY_US = 86_400_000_000
cdef int64_t MOST_BACK_NS = 5_000_000_000                   # more is no clock that was set, but rows out of order
cdef int64_t VALUE_LIMIT = 4_611_686_018_427_387_904        # 2**62


cdef class TardisRows:
    """Turns the rows of one file into batches.

    Args:
        kind: a key of `KINDS`.
        header: the names in the file's first line.
        tick_size: of the market; a price that is no whole number of ticks is a fault.
        lot_size: of the market; an amount that is no whole number of lots is cut to whole ones, never to nothing.
        symbol: rows of others are left out; "": there may be only one in the file.
        strict: stop at the first row that is wrong; else such rows are left out and counted in `wrong`.

    Raises:
        ValueError: an unknown kind, or a column that it needs is missing or too far right.
    """

    def __cinit__(
        self, str kind not None, list header not None, str tick_size not None, str lot_size not None,
        str symbol not None="", *, bint strict=True,
    ):
        cdef Unit unit
        if kind not in KINDS:
            raise ValueError(f"expected one of {', '.join(KINDS)}, found {kind!r}")
        missing = [name for name in KINDS[kind] if name not in header[:MAX_FIELDS]]
        if missing:
            raise ValueError(f"expected the columns {','.join(KINDS[kind])}; missing: {','.join(missing)}")
        self.kind, self.which = kind, list(KINDS).index(kind)
        self.n_fields = len(header)
        for number, name in enumerate(KINDS[kind]):
            self.place[number] = header.index(name)
        unit = Unit(tick_size)
        self.tick = unit.unit
        unit = Unit(lot_size)
        self.lot = unit.unit
        self.batch_side = -1
        self.out = BatchColumns()
        self.strict, self.chosen, self.symbol, self.exchange = strict, bool(symbol), symbol.encode(), b""

    # -- the Python face -------------------------------------------------------------------------------------------

    def feed(self, bytes text not None) -> bool:
        """Take in whole lines; False when it stopped at one that is wrong, which `fault` then describes."""
        cdef const char* p = text
        cdef const char* end = p + len(text)
        cdef const char* stop
        while p < end:
            stop = <const char*> memchr(p, c"\n", end - p)
            if stop == NULL:
                stop = end
            self.lines += 1
            if not self._line(p, stop):
                if self.strict:
                    return False
                self.wrong += 1
            p = stop + 1
        return True

    def survey(self, bytes text not None) -> bool:
        """Look at whole lines for the finest price and amount alone; as `feed`, but nothing is kept."""
        cdef int ours
        cdef const char* p = text
        cdef const char* end = p + len(text)
        cdef const char* stop
        while p < end:
            stop = <const char*> memchr(p, c"\n", end - p)
            if stop == NULL:
                stop = end
            self.lines += 1
            ours = _WRONG
            if not _split(&self.row, p, stop) or self.row.n_fields != self.n_fields:
                self._wrong(f"{self.n_fields} fields", p, stop - p)
            else:
                ours = self._ours()
            if ours == _WRONG and self.strict:
                return False
            if ours == _OURS and self.which != TICKER:
                self.price_decimals = max(self.price_decimals, _decimals(&self.row.field[self.place[PRICE]]))
                self.qty_decimals = max(self.qty_decimals, _decimals(&self.row.field[self.place[AMOUNT]]))
            p = stop + 1
        return True

    def take(self, *, bint final=False) -> dict:
        """The batches since the last call, by column; without `final` the last one is kept, as it may go on."""
        if final:
            self.batch_side = -1
        return self.out.take(self.out.n if self.batch_side < 0 else self.out.n - 1)

    @property
    def batches(self) -> int:
        """Batches that wait to be taken."""
        return self.out.n

    # -- rows ------------------------------------------------------------------------------------------------------

    cdef bint _line(self, const char* p, const char* end) except -1:
        """One row; False: it is wrong."""
        cdef Row* row = &self.row
        cdef Text* field
        cdef int64_t us[2]
        cdef int i, ours
        while end > p and (end - 1)[0] == c"\r":
            end -= 1
        if not _split(row, p, end) or row.n_fields != self.n_fields:
            return self._wrong(f"{self.n_fields} fields", p, end - p)
        ours = self._ours()
        if ours != _OURS:
            return ours == _OTHER
        for i in range(2):
            field = &row.field[self.place[i]]
            if not _whole(field, &us[i]) or not MIN_US <= us[i] < MAX_US:
                return self._wrong(f"{KINDS[self.kind][i]} in microseconds", field.p, field.n)
        if us[TIMESTAMP] - us[LOCAL_TIMESTAMP] > DAY_US:    # one of them is damaged
            return self._wrong("local_timestamp within a day of timestamp", field.p, field.n)
        if self.strict and us[LOCAL_TIMESTAMP] * 1000 < self.last_local_ns - MOST_BACK_NS:
            return self._wrong("rows in the order of their local_timestamp", field.p, field.n)
        row.exch_ns, row.local_ns = us[TIMESTAMP] * 1000, us[LOCAL_TIMESTAMP] * 1000
        self.exch_back += row.exch_ns < self.last_exch_ns
        self.local_back += row.local_ns < self.last_local_ns
        self.last_exch_ns, self.last_local_ns = row.exch_ns, row.local_ns
        if self.which == BOOK:
            return self._book()
        if self.which == TRADES:
            return self._trade()
        return self._ticker()

    cdef int _ours(self) except -1:
        """Whether the row is of our symbol, or, when nobody chose one, of the only one."""
        cdef Text* field = &self.row.field[self.place[SYMBOL]]
        cdef Text* exchange = &self.row.field[self.place[EXCHANGE]]
        if _is(field, self.symbol, len(self.symbol)) and self.exchange:
            return _OURS
        if self.exchange and not self.chosen:
            self._wrong(f"one symbol, {self.symbol.decode(errors='replace')}; choose one", field.p, field.n)
            return _WRONG
        if self.chosen and not _is(field, self.symbol, len(self.symbol)):
            self.others += 1
            return _OTHER
        if not field.n or not exchange.n:
            self._wrong("exchange and symbol", exchange.p, exchange.n)
            return _WRONG
        self.exchange, self.symbol = exchange.p[:exchange.n], field.p[:field.n]
        return _OURS

    cdef bint _book(self) except -1:
        cdef Text* field = &self.row.field[self.place[SIDE]]
        cdef Text* flag = &self.row.field[self.place[SNAPSHOT_OR_ID]]
        cdef BatchColumns out = self.out
        cdef int64_t price = 0, qty = 0
        cdef int side, i
        cdef bint snapshot
        if _is(field, b"bid", 3):
            side = Side.BUY
        elif _is(field, b"ask", 3):
            side = Side.SELL
        else:
            return self._wrong("side bid or ask", field.p, field.n)
        if _is(flag, b"true", 4):
            snapshot = True
        elif _is(flag, b"false", 5):
            snapshot = False
        else:
            return self._wrong("is_snapshot true or false", flag.p, flag.n)
        if not (self._number(PRICE, &self.tick, &price, False) and self._number(AMOUNT, &self.lot, &qty, True)):
            return False
        if not snapshot and not self.any_snapshot:
            self.skipped += 1
            return True
        if snapshot and not self.in_snapshot:
            self.snapshots += 1
            self.any_snapshot = True
            for i in range(2):
                self._batch(TapeKind.CLEAR, i, 0)
                self.out.add(0, 0)
            self.batch_side = -1
        self.in_snapshot = snapshot
        if snapshot and qty == 0:
            return True         # nothing to remove from a book that was thrown away
        if (
            side != self.batch_side or snapshot != self.batch_snapshot
            or self.row.exch_ns != out.exch_ns[out.n - 1] or self.row.local_ns != out.local_ns[out.n - 1]
            or self._repeats(price)
        ):
            self._batch(TapeKind.SNAPSHOT if snapshot else TapeKind.DEPTH, side, 0)
            self.batch_side, self.batch_snapshot, self.order = side, snapshot, 0
        elif out.count[out.n - 1] == 1:
            self.order = 1 if price > out.levels[out.n_levels - 1].price_ticks else -1
        elif self.order and (price > out.levels[out.n_levels - 1].price_ticks) != (self.order > 0):
            self.order = 0
        self.out.add(price, qty)
        return True

    cdef bint _trade(self) except -1:
        cdef Text* field = &self.row.field[self.place[SIDE]]
        cdef int64_t price = 0, qty = 0, number = 0
        cdef int side
        if _is(field, b"buy", 3):
            side = Side.BUY
        elif _is(field, b"sell", 4):
            side = Side.SELL
        elif _is(field, b"unknown", 7):
            self.sideless += 1
            return True
        else:
            return self._wrong("side buy, sell or unknown", field.p, field.n)
        if not (self._number(PRICE, &self.tick, &price, False) and self._number(AMOUNT, &self.lot, &qty, True)):
            return False
        if not _whole(&self.row.field[self.place[SNAPSHOT_OR_ID]], &number):
            number = 0          # some venues name trades by text
        self._batch(TapeKind.TRADE, side, number)
        self.out.add(price, qty)
        return True

    cdef bint _ticker(self) except -1:
        cdef int64_t now[4]
        cdef Text* field = &self.row.field[self.place[FUNDING_TIMESTAMP]]
        memcpy(now, self.mark, sizeof(now))
        if not (
            self._scaled(MARK_PRICE, 1e8, &now[0]) and self._scaled(INDEX_PRICE, 1e8, &now[1])
            and self._scaled(FUNDING_RATE, 1e12, &now[2])
        ):
            return False
        if field.n:
            if not _whole(field, &now[3]) or (now[3] and not MIN_US <= now[3] < MAX_US):
                return self._wrong("funding_timestamp in microseconds", field.p, field.n)
            now[3] *= 1000
        if now[0] == 0 or (self.any_mark and memcmp(now, self.mark, sizeof(now)) == 0):
            memcpy(self.mark, now, sizeof(now))
            return True
        memcpy(self.mark, now, sizeof(now))
        self.any_mark = True
        self._batch(TapeKind.MARK, 0, 0)
        self.out.add(now[0], now[1])
        self.out.add(now[2], now[3])
        return True

    # -- fields ----------------------------------------------------------------------------------------------------

    cdef bint _number(self, int column, const DecimalUnit* unit, int64_t* out, bint cut) except -1:
        """An exact number of ticks or lots; False: it is none."""
        cdef Text* field = &self.row.field[self.place[column]]
        cdef int error = mm_parse_units(field.p, field.n, unit.mantissa, unit.decimals, out)
        cdef bytes plain
        if error == DECIMAL_EXPONENT:                   # "1e-7", as JavaScript writes small numbers
            plain = _plain(field.p[:field.n])
            error = mm_parse_units(plain, len(plain), unit.mantissa, unit.decimals, out)
        if error == MM_NOT_WHOLE and cut:
            self.dust += 1
            out[0] = max(out[0], <int64_t> 1)
            error = 0
        if error or out[0] >= VALUE_LIMIT:
            what = f"a whole number of {'lots' if column == AMOUNT else 'ticks'}"
            reason = f" ({error_text(error)})" if error else ""
            return self._wrong(f"{KINDS[self.kind][column]}: {what}{reason}", field.p, field.n)
        return True

    cdef bint _scaled(self, int column, double scale, int64_t* out) except -1:
        """A number times `scale`; an empty field leaves `out` as it is."""
        cdef Text* field = &self.row.field[self.place[column]]
        cdef double value
        if not field.n:
            return True
        try:
            value = float(field.p[:field.n]) * scale
        except ValueError:
            value = NAN
        if not isfinite(value) or not -9e18 < value < 9e18:
            return self._wrong(f"{KINDS[self.kind][column]}: a number", field.p, field.n)
        out[0] = llround(value)
        return True

    cdef bint _wrong(self, str expected, const char* p, Py_ssize_t n) except -1:
        if self.fault is None:
            self.fault = (self.lines, expected, repr(p[:min(n, SHOWN)].decode(errors="replace")))
        return False

    # -- columns ---------------------------------------------------------------------------------------------------

    cdef bint _repeats(self, int64_t price_ticks) noexcept nogil:
        """Whether the open batch has this price already."""
        cdef Py_ssize_t n = self.out.count[self.out.n - 1], i
        cdef const Level* last = &self.out.levels[self.out.n_levels - 1]
        if n == 1 or (self.order > 0 and price_ticks > last.price_ticks) or (
            self.order < 0 and price_ticks < last.price_ticks
        ):
            return n == 1 and price_ticks == last.price_ticks
        for i in range(n):
            if (last - i).price_ticks == price_ticks:
                return True
        return False

    cdef int _batch(self, int kind, int side, int64_t seq) except -1:
        self.out.open(kind, side, 0, self.row.exch_ns, self.row.local_ns, seq, BOTH)
        return 0


cdef bint _split(Row* row, const char* p, const char* end) noexcept nogil:
    """Cut a line at its commas; False: too many fields."""
    cdef const char* comma
    row.n_fields = 0
    while row.n_fields < MAX_FIELDS:
        comma = <const char*> memchr(p, c",", end - p)
        row.field[row.n_fields].p = p
        row.field[row.n_fields].n = (comma if comma != NULL else end) - p
        row.n_fields += 1
        if comma == NULL:
            return True
        p = comma + 1
    return False


cdef bint _is(const Text* field, const char* text, Py_ssize_t n) noexcept nogil:
    return field.n == n and memcmp(field.p, text, n) == 0


cdef bint _whole(const Text* field, int64_t* out) noexcept nogil:
    """A whole number; False: it is none, or too large."""
    return mm_parse_units(field.p, field.n, 1, 0, out) == 0 and memchr(field.p, c".", field.n) == NULL


cdef int _decimals(const Text* field) except -1:
    """Places behind the point, without trailing zeros."""
    cdef const char* point = <const char*> memchr(field.p, c".", field.n)
    cdef const char* end = field.p + field.n
    if memchr(field.p, c"e", field.n) != NULL or memchr(field.p, c"E", field.n) != NULL:
        plain = _plain(field.p[:field.n])
        return len(plain.partition(b".")[2].rstrip(b"0"))
    if point == NULL:
        return 0
    while (end - 1)[0] == c"0":
        end -= 1
    return <int> (end - point - 1)


cdef bytes _plain(bytes text):
    """A number without its exponent; as it was when it is none."""
    try:
        value = Decimal(text.decode())
    except (InvalidOperation, UnicodeDecodeError):
        return text
    return format(value, "f").encode() if value.is_finite() and abs(value.adjusted()) < 40 else text
