"""Exact decimal text <-> whole units; see ``decimal.pxd`` for the grammar and the error codes."""

from mmbot._core.digits cimport mm_format_units, mm_parse_units
from mmbot._core.types cimport DecimalUnit, Instrument


cdef int parse_units(const char* text, Py_ssize_t n, const DecimalUnit* unit, int64_t* units) noexcept nogil:
    cdef int64_t value = 0
    cdef int code = mm_parse_units(text, n, unit.mantissa, unit.decimals, &value)
    if code == DECIMAL_OK:
        units[0] = value
    return code


cdef int parse_signed_units(const char* text, Py_ssize_t n, const DecimalUnit* unit, int64_t* units) noexcept nogil:
    cdef int code
    if n > 0 and text[0] == c"-":
        code = parse_units(text + 1, n - 1, unit, units)
        if code == DECIMAL_OK:
            units[0] = -units[0]
        return code
    return parse_units(text, n, unit, units)


cdef int format_units(int64_t units, const DecimalUnit* unit, char* out) noexcept nogil:
    return mm_format_units(units, unit.mantissa, unit.decimals, out)


cdef str error_text(int code):
    if code == DECIMAL_EMPTY:
        return "digits are missing"
    if code == DECIMAL_SIGN:
        return "a sign is not allowed here"
    if code == DECIMAL_EXPONENT:
        return "an exponent is not allowed"
    if code == DECIMAL_CHAR:
        return "not a plain decimal number"
    if code == DECIMAL_OVERFLOW:
        return "does not fit 64 bits"
    if code == DECIMAL_NOT_WHOLE:
        return "not a whole number of units"
    return "no error"


cdef class Unit:
    """One tick or one lot.

    Args:
        size: its exact size as text, such as ``"0.10"``.

    Raises:
        ValueError: `size` is not a positive decimal within 1e-18 .. 1e15.
    """

    def __init__(self, str size):
        # Instrument owns the reading of unit sizes; this borrows it.
        instrument = Instrument(
            venue="", symbol="unit", venue_symbol="", base_asset="", quote_asset="", settle_asset="",
            tick_size=size, lot_size="1",
        )
        self.unit = instrument.tick
        self.size = size

    def __repr__(self) -> str:
        return f"Unit({self.size})"

    @property
    def decimals(self) -> int:
        """Digits after the point in every text `from_units` makes."""
        return self.unit.decimals


def tick_unit(Instrument instrument not None) -> Unit:
    """The price unit of `instrument`."""
    return Unit(instrument.tick_size)


def lot_unit(Instrument instrument not None) -> Unit:
    """The quantity unit of `instrument`."""
    return Unit(instrument.lot_size)


def to_units(str text not None, Unit unit not None, *, bint signed=False) -> int:
    """Read `text` as a whole number of `unit`.

    Args:
        text: digits, optionally a point and more digits.
        unit: tick or lot.
        signed: allow one leading ``-``.

    Raises:
        ValueError: anything else, or a value that is not a whole number of units or does not fit 64 bits.
    """
    cdef int64_t units = 0
    cdef bytes raw = text.encode()
    cdef int code
    if signed:
        code = parse_signed_units(raw, len(raw), &unit.unit, &units)
    else:
        code = parse_units(raw, len(raw), &unit.unit, &units)
    if code != DECIMAL_OK:
        raise ValueError(f"expected a whole number of {unit.size}, found {text!r}: {error_text(code)}")
    return units


def from_units(int64_t units, Unit unit not None) -> str:
    """Exact text of `units`, with as many digits after the point as the unit has: 618 of ``0.1`` are ``"61.8"``."""
    cdef char[DECIMAL_TEXT_MAX] text
    return text[:format_units(units, &unit.unit, text)].decode("ascii")
