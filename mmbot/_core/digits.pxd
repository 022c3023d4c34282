"""Decimal digits in place, of ``cext/digits.h``: for bodies only, as who cimports this needs the header to compile."""
from libc.stdint cimport int32_t, int64_t


cdef extern from "digits.h" nogil:
    """
    #define MM_IS(p, end, text, n) ((end) - (p) >= (n) && memcmp(p, text, n) == 0)
    #define MM_NAN __builtin_nan("")
    /* Prices and ids stay below this, so that no sum or window bound can wrap. */
    #define MM_VALUE_LIMIT (INT64_C(1) << 62)
    /* Milliseconds whose nanoseconds fit int64. */
    #define MM_MAX_MS INT64_C(9223372036854)
    """
    ctypedef struct MmUnit:             # a unit prepared for the fast reader
        int64_t mantissa
        int32_t decimals
        int32_t fast                    # 0: only the bounded reader will do
    enum:
        MM_FAST_BYTES                   # how many bytes mm_fast_units may look at
        MM_NOT_WHOLE
    bint MM_IS(const char* p, const char* end, const char* text, Py_ssize_t n)
    bint MM_LIKELY(bint x)
    double MM_NAN
    int64_t MM_VALUE_LIMIT
    int64_t MM_MAX_MS
    void mm_unit_init(MmUnit* unit, int64_t mantissa, int32_t decimals)
    int mm_parse_units(const char* text, Py_ssize_t n, int64_t mantissa, int32_t decimals, int64_t* units)
    int mm_format_units(int64_t units, int64_t mantissa, int32_t decimals, char* out)
    const char* mm_fast_units(const char* p, const MmUnit* unit, int64_t* units)
    const char* mm_scan_int(const char* p, const char* end, int64_t* out)
    const char* mm_scan_text(const char* p, const char* end)
    const char* mm_scan_double(const char* p, const char* end, double* out)
