/* Decimal digits in place: a bounded scalar reader that decides what is right, and an eight-at-a-time reader for the
 * numbers of market-data frames that either agrees with it or declines. */
#ifndef MMBOT_DIGITS_H
#define MMBOT_DIGITS_H

#include <Python.h>
#include <stdint.h>
#include <string.h>

/* As `DecimalError` in decimal.pxd. */
enum { MM_OK = 0, MM_EMPTY = -1, MM_SIGN = -2, MM_EXPONENT = -3, MM_CHAR = -4, MM_OVERFLOW = -5, MM_NOT_WHOLE = -6 };

typedef unsigned __int128 mm_u128;

#define MM_EACH(byte) (UINT64_C(0x0101010101010101) * (byte))
#define MM_LIKELY(x) __builtin_expect(!!(x), 1)

/* The first byte in the lowest bits, on any machine. */
static inline uint64_t mm_load8(const char *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    v = __builtin_bswap64(v);
#endif
    return v;
}

/* Text of n bytes to units of mantissa * 10^-decimals. No byte at or after text + n is read. With MM_NOT_WHOLE *units is
 * the whole part; with any other error it is untouched. */
static inline int mm_parse_units(
    const char *text, Py_ssize_t n, int64_t mantissa, int32_t decimals, int64_t *units)
{
    const char *p = text, *end = text + n, *start;
    const mm_u128 limit = (mm_u128)INT64_MAX * (uint64_t)mantissa;
    mm_u128 value = 0;
    int32_t left = decimals;
    int whole = 1;

    if (n <= 0)
        return MM_EMPTY;
    if (*p == '-' || *p == '+')
        return MM_SIGN;
    for (start = p; p < end && (unsigned char)(*p - '0') <= 9; p++) {
        if (value <= limit) /* one more digit cannot wrap 128 bits, and what is above the limit stays above it */
            value = value * 10 + (unsigned char)(*p - '0');
    }
    if (p < end && *p != '.')
        return (*p | 32) == 'e' && p > start ? MM_EXPONENT : MM_CHAR;
    if (p == start)
        return MM_EMPTY;
    if (p < end) {
        for (start = ++p; p < end && (unsigned char)(*p - '0') <= 9; p++) {
            if (left > 0) {
                left--;
                if (value <= limit)
                    value = value * 10 + (unsigned char)(*p - '0');
            } else if (*p != '0') {
                whole = 0;
            }
        }
        if (p < end)
            return (*p | 32) == 'e' && p > start ? MM_EXPONENT : MM_CHAR;
        if (p == start)
            return MM_EMPTY;
    }
    for (; left > 0 && value <= limit; left--)
        value *= 10;
    if (value > limit)
        return MM_OVERFLOW;
    if (mantissa != 1) {
        if (value % (uint64_t)mantissa)
            whole = 0;
        value /= (uint64_t)mantissa;
    }
    *units = (int64_t)value;
    return whole ? MM_OK : MM_NOT_WHOLE;
}

/* A unit prepared for the fast reader. */
typedef struct {
    int64_t mantissa;
    uint64_t scale;     /* 10^decimals */
    uint64_t tail_mask; /* of eight fraction digits, those past the unit's decimals */
    int32_t shift;      /* moves the unit's decimals to the top of the word */
    int32_t decimals;
    int32_t fast;       /* 0: more than eight decimals, only the scalar reader will do */
} MmUnit;

static inline void mm_unit_init(MmUnit *unit, int64_t mantissa, int32_t decimals)
{
    unit->mantissa = mantissa;
    unit->decimals = decimals;
    unit->fast = decimals <= 8;
    unit->scale = 1;
    for (int32_t i = 0; i < decimals && i < 18; i++)
        unit->scale *= 10;
    unit->tail_mask = decimals >= 8 ? 0 : ~UINT64_C(0) << (8 * decimals);
    unit->shift = (64 - 8 * decimals) & 63;
}

/* High bits mark the bytes of `x ^ '0'...` that are no digits; exact up to and including the first one. */
static inline uint64_t mm_non_digits(uint64_t y)
{
    return ((y + MM_EACH(0x76)) | y) & MM_EACH(0x80);
}

/* Eight bytes of 0..9, the most significant first, to their number. */
static inline uint64_t mm_eight_digits(uint64_t y)
{
    y = y * 10 + (y >> 8);
    return ((y & UINT64_C(0x000000FF000000FF)) * UINT64_C(0x000F424000000064)
            + ((y >> 16) & UINT64_C(0x000000FF000000FF)) * UINT64_C(0x0000271000000001)) >> 32;
}

#define MM_FAST_BYTES 24 /* how many bytes mm_fast_units may look at */

/* A number with its closing quote: returns what follows, or NULL when only the scalar reader can tell. */
static inline const char *mm_fast_units(const char *p, const MmUnit *unit, int64_t *units)
{
    uint64_t y = mm_load8(p) ^ MM_EACH('0');
    uint64_t stop = mm_non_digits(y);
    if (!MM_LIKELY(stop))
        return NULL;
    int bits = __builtin_ctzll(stop) & ~7;
    if (!MM_LIKELY(bits))
        return NULL;
    uint64_t value = mm_eight_digits(y << (64 - bits)) * unit->scale;
    p += bits >> 3;
    if (*p == '.') {
        y = mm_load8(p + 1) ^ MM_EACH('0');
        stop = mm_non_digits(y);
        bits = stop ? __builtin_ctzll(stop) & ~7 : 64;
        if (!MM_LIKELY(bits))
            return NULL;
        y = y << (64 - bits) >> (64 - bits);
        p += 1 + (bits >> 3);
        if (!MM_LIKELY(!(y & unit->tail_mask)))
            return NULL;
        value += mm_eight_digits(y << unit->shift);
    }
    if (!MM_LIKELY(*p == '"'))
        return NULL;
    if (unit->mantissa != 1) {
        if (value % (uint64_t)unit->mantissa)
            return NULL;
        value /= (uint64_t)unit->mantissa;
    }
    *units = (int64_t)value;
    return p + 1;
}

/* A JSON integer of 1 to 18 digits, no sign and no leading zero: returns what follows, or NULL. */
static inline const char *mm_scan_int(const char *p, const char *end, int64_t *out)
{
    uint64_t value = 0;
    const char *start = p;
    if (MM_LIKELY(end - p >= 24)) {
        uint64_t y = mm_load8(p) ^ MM_EACH('0');
        if (!mm_non_digits(y)) { /* ids and times are longer than eight digits */
            value = mm_eight_digits(y);
            p += 8;
        }
    }
    for (; p < end && (unsigned char)(*p - '0') <= 9; p++) {
        if (p - start >= 18)
            return NULL;
        value = value * 10 + (unsigned char)(*p - '0');
    }
    if (p == start || (*start == '0' && p - start > 1))
        return NULL;
    *out = (int64_t)value;
    return p;
}

/* The closing quote of a JSON string whose text starts at p: NULL when it holds an escape, a control or a non-ASCII
 * character, or does not end. */
static inline const char *mm_scan_text(const char *p, const char *end)
{
    while (end - p >= 8) {
        uint64_t x = mm_load8(p), quote = x ^ MM_EACH('"'), slash = x ^ MM_EACH('\\');
        uint64_t stop = ((quote - MM_EACH(1)) & ~quote) | ((slash - MM_EACH(1)) & ~slash);
        stop = (stop | ((x - MM_EACH(0x20)) & ~x) | x) & MM_EACH(0x80); /* exact up to and including the lowest mark */
        if (stop) {
            p += __builtin_ctzll(stop) >> 3;
            return *p == '"' ? p : NULL;
        }
        p += 8;
    }
    for (; p < end; p++) {
        if (*p == '"')
            return p;
        if (*p == '\\' || (unsigned char)*p < 0x20 || (unsigned char)*p >= 0x80)
            return NULL;
    }
    return NULL;
}

/* A quoted plain decimal as the nearest double; "" is NaN. Returns what follows the closing quote, or NULL when the
 * digits do not allow the exact way (mantissa within 2^53, power of ten within 10^22: one correctly rounded division). */
static inline const char *mm_scan_double(const char *p, const char *end, double *out)
{
    static const double power[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
                                   1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    uint64_t value = 0;
    int negative = 0, places = 0;
    const char *start;
    if (p < end && *p == '"') {
        *out = __builtin_nan("");
        return p + 1;
    }
    if (p < end && *p == '-') {
        negative = 1;
        p++;
    }
    for (start = p; p < end && (unsigned char)(*p - '0') <= 9 && value < UINT64_C(1) << 53; p++)
        value = value * 10 + (unsigned char)(*p - '0');
    if (p == start)
        return NULL;
    if (p < end && *p == '.') {
        for (start = ++p; p < end && (unsigned char)(*p - '0') <= 9 && value < UINT64_C(1) << 53; p++)
            value = value * 10 + (unsigned char)(*p - '0');
        places = (int)(p - start);
        if (places == 0)
            return NULL;
    }
    if (value > UINT64_C(1) << 53 || places > 22 || p >= end || *p != '"')
        return NULL;
    *out = (double)value / power[places];
    if (negative)
        *out = -*out;
    return p + 1;
}

/* Units to text, `decimals` digits after the point; at most 38 bytes. */
static inline int mm_format_units(int64_t units, int64_t mantissa, int32_t decimals, char *out)
{
    char reversed[48];
    int n = 0, length = 0;
    mm_u128 value = (units < 0 ? (mm_u128)(-(__int128)units) : (mm_u128)units) * (uint64_t)mantissa;
    while (value > UINT64_MAX || n <= decimals) {
        if (n == decimals && decimals)
            reversed[length++] = '.';
        reversed[length++] = (char)('0' + (int)(value % 10));
        value /= 10;
        n++;
    }
    for (uint64_t rest = (uint64_t)value; rest; rest /= 10)
        reversed[length++] = (char)('0' + rest % 10);
    if (units < 0)
        reversed[length++] = '-';
    for (n = 0; n < length; n++)
        out[n] = reversed[length - 1 - n];
    return length;
}

#endif
