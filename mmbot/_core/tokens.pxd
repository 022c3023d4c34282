"""The tokens of a market-data frame: each reads `key`, `n` bytes long, and the value after it; inline, for bodies only.

All take and return where they stand, NULL when the text is not what they expect, and hand a NULL on: a shape is a row
of calls with one test at its end. None reads at or after `end`.
"""
from libc.stdint cimport int32_t, int64_t
from libc.string cimport memchr

from mmbot._core.digits cimport (
    MM_FAST_BYTES, MM_IS, MM_LIKELY, MM_MAX_MS, MM_NOT_WHOLE, MM_VALUE_LIMIT, MmUnit, mm_fast_units, mm_parse_units,
    mm_scan_double, mm_scan_int, mm_scan_text,
)


cdef inline const char* key_int(
    const char* p, const char* end, const char* key, Py_ssize_t n, int64_t* out,
) noexcept nogil:
    """An integer."""
    if p == NULL or not MM_IS(p, end, key, n):
        return NULL
    return mm_scan_int(p + n, end, out)


cdef inline const char* key_ms(
    const char* p, const char* end, const char* key, Py_ssize_t n, int64_t* out_ns,
) noexcept nogil:
    """A time in milliseconds, to nanoseconds."""
    cdef int64_t value = 0
    p = key_int(p, end, key, n, &value)
    if p == NULL or value > MM_MAX_MS:
        return NULL
    out_ns[0] = value * 1_000_000
    return p


cdef inline const char* key_units(
    const char* p, const char* end, const char* key, Py_ssize_t n, const MmUnit* unit, int64_t* out,
) noexcept nogil:
    """A decimal of whole units; `key` ends with its opening quote."""
    cdef const char* after
    if p == NULL or not MM_IS(p, end, key, n):
        return NULL
    p += n
    if MM_LIKELY(end - p >= MM_FAST_BYTES and unit.fast):
        after = mm_fast_units(p, unit, out)
        if MM_LIKELY(after != NULL):
            return after
    after = <const char*> memchr(p, c'"', end - p)
    if after == NULL or mm_parse_units(p, after - p, unit.mantissa, unit.decimals, out) != 0:
        return NULL
    if out[0] >= MM_VALUE_LIMIT:
        return NULL
    return after + 1


cdef inline int cut_lots(
    const char* text, Py_ssize_t n, const MmUnit* lot, int64_t* out, int32_t* n_dust,
) noexcept nogil:
    """A quantity to lots; dust is cut, but never to nothing."""
    cdef int code = mm_parse_units(text, n, lot.mantissa, lot.decimals, out)
    if code == MM_NOT_WHOLE:
        n_dust[0] += 1
        out[0] = max(out[0], <int64_t> 1)
        code = 0
    return code if code != 0 or out[0] < MM_VALUE_LIMIT else -1


cdef inline const char* key_lots(
    const char* p, const char* end, const char* key, Py_ssize_t n, const MmUnit* unit, int64_t* out, int32_t* n_dust,
) noexcept nogil:
    """A quantity to lots, dust cut; `key` ends with its opening quote."""
    cdef const char* after
    if p == NULL or not MM_IS(p, end, key, n):
        return NULL
    p += n
    if MM_LIKELY(end - p >= MM_FAST_BYTES and unit.fast):
        after = mm_fast_units(p, unit, out)
        if MM_LIKELY(after != NULL):
            return after
    after = <const char*> memchr(p, c'"', end - p)
    if after == NULL or cut_lots(p, after - p, unit, out, n_dust) != 0:
        return NULL
    return after + 1


cdef inline const char* key_text(const char* p, const char* end, const char* key, Py_ssize_t n) noexcept nogil:
    """Any plain text; `key` ends with its opening quote."""
    if p == NULL or not MM_IS(p, end, key, n):
        return NULL
    p = mm_scan_text(p + n, end)
    if p == NULL:
        return NULL
    return p + 1


cdef inline const char* skip_extras(const char* p, const char* end) noexcept nogil:
    """The keys that newer messages carry and that are not used: `st` and `ps`."""
    cdef int64_t unused = 0
    while p != NULL:
        if MM_IS(p, end, b',"st":', 6):
            p = mm_scan_int(p + 6, end, &unused)
        elif MM_IS(p, end, b',"ps":"', 7):
            p = key_text(p, end, b',"ps":"', 7)
        else:
            break
    return p


cdef inline const char* key_bool(
    const char* p, const char* end, const char* key, Py_ssize_t n, bint* out,
) noexcept nogil:
    if p == NULL or not MM_IS(p, end, key, n):
        return NULL
    p += n
    if MM_IS(p, end, b"true", 4):
        out[0] = True
        return p + 4
    if MM_IS(p, end, b"false", 5):
        out[0] = False
        return p + 5
    return NULL


cdef inline const char* key_double(
    const char* p, const char* end, const char* key, Py_ssize_t n, double* out,
) noexcept nogil:
    """A quoted plain decimal, NaN for an empty one."""
    if p == NULL or not MM_IS(p, end, key, n):
        return NULL
    return mm_scan_double(p + n, end, out)
