"""Exact decimal text <-> whole units (ticks, lots), never rounded.

The wire's grammar is ``digits [ "." digits ]``: no sign, no exponent, no blank; trailing zeros are normal
("61837.63000000"), leading zeros are allowed. Anything else is an error code.
"""
from libc.stdint cimport int32_t, int64_t

from mmbot._core.types cimport DecimalUnit


cpdef enum DecimalError:
    DECIMAL_OK = 0
    DECIMAL_EMPTY = -1          # no digits at all, or none before or after the point
    DECIMAL_SIGN = -2           # a leading '+' or '-' where only a plain number may stand
    DECIMAL_EXPONENT = -3       # "1e5"
    DECIMAL_CHAR = -4           # any other character
    DECIMAL_OVERFLOW = -5       # does not fit int64
    DECIMAL_NOT_WHOLE = -6      # not a whole number of units


cdef enum:
    DECIMAL_TEXT_MAX = 48       # a buffer this large holds every formatted value


# Text of `n` bytes (no NUL needed) to units: 0 and *units, or a DecimalError and *units untouched.
cdef int parse_units(const char* text, Py_ssize_t n, const DecimalUnit* unit, int64_t* units) noexcept nogil
# The same with one optional leading '-' (money, PnL, rates).
cdef int parse_signed_units(const char* text, Py_ssize_t n, const DecimalUnit* unit, int64_t* units) noexcept nogil
# Units to text with exactly `unit.decimals` digits after the point ("0.010"): the number of bytes written, no NUL.
cdef int format_units(int64_t units, const DecimalUnit* unit, char* out) noexcept nogil
# A DecimalError in words.
cdef str error_text(int code)


cdef class Unit:
    """Python's handle on one `DecimalUnit`."""
    cdef DecimalUnit unit
    cdef readonly str size
