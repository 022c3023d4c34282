/* Rows of `["price","quantity"]`: by vector instructions where the CPU has them, else number by number. A reader takes the
 * levels that it is sure of and leaves the others to the bounded reader, so that no result depends on the machine. */
#ifndef MMBOT_LEVELS_H
#define MMBOT_LEVELS_H

#include "digits.h"

#define MM_LEVEL_AHEAD 40  /* how many bytes from a level's start a reader looks at, if there are so many */
#define MM_LEVEL_BEHIND 20 /* and before it, always: the header of every frame is longer */

/* From the opening bracket at p on, every level before `end` that can be told for sure: its ticks and lots in turn to
 * *out, which is moved on. Returns what follows the last one, p itself when there was none. */
typedef const char *(*MmLevelReader)(
    const char *p, const char *end, const MmUnit *tick, const MmUnit *lot, int64_t **out);

static const char *mm_levels_portable(
    const char *p, const char *end, const MmUnit *tick, const MmUnit *lot, int64_t **out)
{
    const char *after = p;
    for (; end - p >= MM_LEVEL_AHEAD; p = after + 1) {
        if (!MM_LIKELY(p[0] == '[' && p[1] == '"'))
            break;
        p = mm_fast_units(p + 2, tick, &(*out)[0]);
        if (!MM_LIKELY(p && p[0] == ',' && p[1] == '"'))
            break;
        p = mm_fast_units(p + 2, lot, &(*out)[1]);
        if (!MM_LIKELY(p && *p == ']' && (*out)[0]))
            break;
        *out += 2;
        after = p + 1;
        if (*after != ',')
            break;
    }
    return after;
}

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>

#define MM_AVX2 __attribute__((target("avx2,bmi,lzcnt,popcnt")))

static int mm_has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("lzcnt")
           && __builtin_cpu_supports("popcnt");
}

/* How to read the last 16 bytes of a number: each, less its `base`, must be at most its `limit`; `digits` then picks the
 * sixteen digits of the number of units, with zeros for those that are not written. */
typedef struct {
    uint8_t base[16], limit[16], digits[16];
    int32_t shortest; /* characters: one digit, and what stands behind it */
} MmForm;

static MmForm mm_forms[9][9]; /* by the unit's decimals, and the places after the number's point; 0: it has no point */

static void mm_form_init(MmForm *form, int decimals, int places)
{
    const int ones = places ? 14 - places : 15; /* where the last digit before the point stands */
    memset(form->base, '0', 16);
    memset(form->limit, 0, 16);
    if (places)
        form->base[15 - places] = '.';
    for (int power = 0; power < 16; power++) {
        int at = power < decimals ? 15 - places + decimals - power : ones - (power - decimals);
        int written = at >= 0 && (power >= decimals || decimals - power <= places);
        form->digits[15 - power] = written ? (uint8_t)at : 0x80;
        if (written)
            form->limit[at] = 9;
    }
    form->shortest = 16 - ones;
}

static void mm_forms_init(void)
{
    for (int decimals = 0; decimals <= 8; decimals++)
        for (int places = 0; places <= 8; places++)
            mm_form_init(&mm_forms[decimals][places], decimals, places);
}

/* A form at hand; `shortest` 0: none yet. */
typedef struct {
    __m128i base, limit, digits;
    int64_t shortest;
} MmColumn;

/* The form of the number from start to end, and of those that are written like it; 0 when it has none. */
MM_AVX2 static inline int mm_column_like(MmColumn *column, const char *start, const char *end, const MmUnit *unit)
{
    const char *point = memchr(start, '.', end - start);
    const Py_ssize_t places = point ? end - point - 1 : 0;
    if (places > 8 || (point && !places))
        return 0;
    const MmForm *form = &mm_forms[unit->decimals][places];
    column->base = _mm_loadu_si128((const __m128i *)form->base);
    column->limit = _mm_loadu_si128((const __m128i *)form->limit);
    column->digits = _mm_loadu_si128((const __m128i *)form->digits);
    column->shortest = form->shortest;
    return 1;
}

/* Of the 16 bytes before a number's end, its n characters less their base; 0 for what is before them. */
MM_AVX2 static inline __m128i mm_characters(const MmColumn *column, __m128i text, int64_t n)
{
    static const uint8_t keep[32] = {
        0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,
        255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    };
    return _mm_and_si128(_mm_sub_epi8(text, column->base), _mm_loadu_si128((const __m128i *)(keep + n)));
}

/* Sixteen digits to four numbers below 10^4. */
MM_AVX2 static inline __m128i mm_fours(__m128i digits)
{
    return _mm_madd_epi16(_mm_maddubs_epi16(digits, _mm_set1_epi16(10 | 1 << 8)), _mm_set1_epi32(100 | 1 << 16));
}

/* The level that starts at p and whose quantity ends at the quote that is expected at `close`, before the bracket there
 * is: 0 when only the bounded reader can tell. */
MM_AVX2 static inline int mm_level(
    const char *p, const char *close, const MmUnit *tick, const MmUnit *lot, MmColumn *price, MmColumn *qty, int64_t *out)
{
    __m128i b = _mm_loadu_si128((const __m128i *)(close - 16));
    const uint32_t quotes = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(b, _mm_set1_epi8('"')));
    const int64_t m = _lzcnt_u32(quotes << 16 | 1 << 15); /* characters of the quantity */
    const char *middle = close - m - 3;                   /* the price's closing quote */
    const int64_t n = middle - p - 2;
    uint32_t between;
    memcpy(&between, middle, 4);
    if (!MM_LIKELY((between & 0xffffff) == ('"' | ',' << 8 | '"' << 16) && n >= 1 && n <= 16
                   && p[0] == '[' && p[1] == '"' && *close == '"'))
        return 0;
    if (!MM_LIKELY(price->shortest)
        && !(mm_column_like(price, p + 2, middle, tick) && mm_column_like(qty, middle + 3, close, lot)))
        return 0;
    if (!MM_LIKELY(n >= price->shortest && m >= qty->shortest))
        return 0;
    __m128i a = mm_characters(price, _mm_loadu_si128((const __m128i *)(middle - 16)), n);
    b = mm_characters(qty, b, m);
    const __m128i wrong = _mm_or_si128(_mm_subs_epu8(a, price->limit), _mm_subs_epu8(b, qty->limit));
    if (!MM_LIKELY(_mm_testz_si128(wrong, wrong)))
        return 0;
    a = mm_fours(_mm_shuffle_epi8(a, price->digits));
    b = mm_fours(_mm_shuffle_epi8(b, qty->digits));
    const __m128i eights = _mm_madd_epi16(_mm_packus_epi32(a, b), _mm_set1_epi32(10000 | 1 << 16));
    const __m128i high = _mm_mul_epu32(eights, _mm_set1_epi64x(100000000));
    _mm_storeu_si128((__m128i *)out, _mm_add_epi64(high, _mm_srli_epi64(eights, 32)));
    if (!MM_LIKELY(tick->mantissa == 1 && lot->mantissa == 1)) {
        if (out[0] % tick->mantissa || out[1] % lot->mantissa)
            return 0;
        out[0] /= tick->mantissa;
        out[1] /= lot->mantissa;
    }
    return MM_LIKELY(out[0] != 0);
}

/* A bit for each of the 32 bytes at p that is a closing bracket. */
MM_AVX2 static inline uint64_t mm_brackets(const char *p)
{
    const __m256i text = _mm256_loadu_si256((const __m256i *)p);
    return (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(text, _mm256_set1_epi8(']')));
}

#define MM_STRETCH 512 /* bytes whose closing brackets are looked for at once */
#define MM_SHORTEST_STRETCH 16

/* Where the closing brackets of the n bytes at p stand, counted from p; n is 16 to 512. Returns their number. The
 * next level then starts at a known place: it does not wait for the digits of the one before. */
MM_AVX2 static inline int mm_find_brackets(const char *p, int n, uint16_t *at)
{
    int found = 0;
    for (int i = 0; i < n; i += 64) {
        const int left = n - i;
        uint64_t bits;
        if (MM_LIKELY(left >= 64))
            bits = mm_brackets(p + i) | mm_brackets(p + i + 32) << 32;
        else if (left >= 32)
            bits = mm_brackets(p + i) | mm_brackets(p + n - 32) << (left - 32);
        else
            bits = mm_brackets(p + n - 32) >> (32 - left); /* the first of them may be up to 16 bytes before p */
        const int count = __builtin_popcountll(bits);
        for (int k = 0; k < count || k < 4; k++) { /* four at least: seldom more, and no branch decides how many */
            at[found + k] = (uint16_t)(i + (int)_tzcnt_u64(bits));
            bits = _blsr_u64(bits);
        }
        found += count;
    }
    return found;
}

MM_AVX2 static const char *mm_levels_avx2(
    const char *p, const char *end, const MmUnit *tick, const MmUnit *lot, int64_t **out)
{
    MmColumn price = {.shortest = 0}, qty = {.shortest = 0};
    const char *after = p;
    uint16_t brackets[MM_STRETCH + 4];
    while (end - p >= MM_SHORTEST_STRETCH) {
        const char *stretch = p;
        const int n = mm_find_brackets(p, end - p < MM_STRETCH ? (int)(end - p) : MM_STRETCH, brackets);
        for (int i = 0; i < n; i++) {
            if (!MM_LIKELY(mm_level(p, stretch + brackets[i] - 1, tick, lot, &price, &qty, *out)))
                return after;
            *out += 2;
            after = stretch + brackets[i] + 1;
            p = after + 1;
            if (after == end || *after != ',')
                return after;
        }
        if (n == 0)
            break;
    }
    return after;
}
#else
#define mm_levels_avx2 mm_levels_portable
static int mm_has_avx2(void) { return 0; }
static void mm_forms_init(void) {}
#endif

#endif
