"""128-bit integers and how they are rounded: what lets money be exact without Python objects.

There is no ``exact`` module to import: everything here is inline. To Cython `int128` looks like a C integer of unknown
size, so cast both operands (``<int128>a * <int128>b``); to Python it converts exactly both ways.
"""
cimport cython
from libc.stdint cimport int64_t

cdef extern from *:
    """
    #ifndef MMBOT_INT128
    #define MMBOT_INT128
    typedef __int128 mmbot_int128;
    #endif
    """
    ctypedef long long int128 "mmbot_int128"
    bint mul_overflows "__builtin_mul_overflow"(int128 a, int128 b, int128* product) noexcept nogil
    bint mul64_overflows "__builtin_mul_overflow"(int64_t a, int64_t b, int64_t* product) noexcept nogil
    bint add64_overflows "__builtin_add_overflow"(int64_t a, int64_t b, int64_t* total) noexcept nogil


# What is inline here is compiled again by whoever cimports it, a user's plugin too: it must mean the same everywhere.
@cython.cdivision(True)
@cython.overflowcheck(False)
cdef inline int128 div_half_even(int128 numerator, int128 denominator) noexcept nogil:
    """The quotient rounded to the nearest integer, ties to even; `denominator` > 0."""
    cdef int128 quotient = numerator // denominator
    cdef int128 rest = numerator - quotient * denominator
    cdef int128 size = rest if rest >= 0 else -rest
    cdef int128 other = denominator - size
    if size > other or (size == other and (quotient & 1) != 0):
        quotient = quotient + (<int128>1 if numerator >= 0 else <int128>-1)
    return quotient


cdef inline int64_t saturate64(int128 value) noexcept nogil:
    """`value` as int64, or the nearest int64 when it does not fit."""
    cdef int128 top = <int128>0x7FFFFFFFFFFFFFFF
    if value > top:
        return 0x7FFFFFFFFFFFFFFF
    if value < -top:
        return -0x7FFFFFFFFFFFFFFF
    return <int64_t>value


cdef inline int64_t scale_e8(int128 value, int64_t num, int128 den) noexcept nogil:
    """``value * num / den`` rounded half to even, saturated at the ends of int64; `den` > 0."""
    cdef int128 product
    if mul_overflows(value, <int128>num, &product):
        return 0x7FFFFFFFFFFFFFFF if (value > 0) == (num > 0) else -0x7FFFFFFFFFFFFFFF
    return saturate64(div_half_even(product, den))
