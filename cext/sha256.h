/* SHA-256 compression (FIPS 180-4), in portable C and with the x86 SHA extension.
 *
 * Only the compression function is here; padding and HMAC are in sign.pyx.  `sha256_best` picks at run time, so one
 * wheel serves every x86-64 machine. */
#ifndef MMBOT_SHA256_H
#define MMBOT_SHA256_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef void (*sha256_compress_fn)(uint32_t state[8], const uint8_t *data, size_t blocks);

static const uint32_t SHA256_INITIAL[8] = {
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

static const uint32_t SHA256_K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static inline uint32_t sha256_rotr(uint32_t x, int n) { return (x >> n) | (x << (32 - n)); }

static inline uint32_t sha256_load(const uint8_t *p) {
    return ((uint32_t)p[0] << 24) | ((uint32_t)p[1] << 16) | ((uint32_t)p[2] << 8) | (uint32_t)p[3];
}

static inline void sha256_store(uint8_t *p, uint32_t x) {
    p[0] = (uint8_t)(x >> 24);
    p[1] = (uint8_t)(x >> 16);
    p[2] = (uint8_t)(x >> 8);
    p[3] = (uint8_t)x;
}

static void sha256_compress_portable(uint32_t state[8], const uint8_t *data, size_t blocks) {
    uint32_t w[64];
    for (; blocks; --blocks, data += 64) {
        for (int t = 0; t < 16; ++t) w[t] = sha256_load(data + 4 * t);
        for (int t = 16; t < 64; ++t) {
            uint32_t s0 = sha256_rotr(w[t - 15], 7) ^ sha256_rotr(w[t - 15], 18) ^ (w[t - 15] >> 3);
            uint32_t s1 = sha256_rotr(w[t - 2], 17) ^ sha256_rotr(w[t - 2], 19) ^ (w[t - 2] >> 10);
            w[t] = s1 + w[t - 7] + s0 + w[t - 16];
        }
        uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
        uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
        for (int t = 0; t < 64; ++t) {
            uint32_t big1 = sha256_rotr(e, 6) ^ sha256_rotr(e, 11) ^ sha256_rotr(e, 25);
            uint32_t t1 = h + big1 + ((e & f) ^ (~e & g)) + SHA256_K[t] + w[t];
            uint32_t big0 = sha256_rotr(a, 2) ^ sha256_rotr(a, 13) ^ sha256_rotr(a, 22);
            uint32_t t2 = big0 + ((a & b) ^ (a & c) ^ (b & c));
            h = g; g = f; f = e; e = d + t1;
            d = c; c = b; b = a; a = t1 + t2;
        }
        state[0] += a; state[1] += b; state[2] += c; state[3] += d;
        state[4] += e; state[5] += f; state[6] += g; state[7] += h;
    }
}

#if (defined(__x86_64__) || defined(__i386__)) && (defined(__GNUC__) || defined(__clang__))
#include <cpuid.h>
#include <immintrin.h>

/* The extension keeps the state as two vectors, ABEF and CDGH; one step below is four rounds. */
#define SHA256_ROUNDS(i, w) do {                                                                   \
        __m128i wk = _mm_add_epi32(w, _mm_loadu_si128((const __m128i *)(SHA256_K + 4 * (i))));     \
        cdgh = _mm_sha256rnds2_epu32(cdgh, abef, wk);                                              \
        abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(wk, 0x0e));                     \
    } while (0)
/* w0 becomes the four schedule words that follow w0 w1 w2 w3. */
#define SHA256_SCHEDULE(w0, w1, w2, w3)                                                            \
    w0 = _mm_sha256msg2_epu32(                                                                     \
        _mm_add_epi32(_mm_sha256msg1_epu32(w0, w1), _mm_alignr_epi8(w3, w2, 4)), w3)
#define SHA256_SIXTEEN(i) do {                                                                     \
        SHA256_SCHEDULE(w0, w1, w2, w3); SHA256_ROUNDS(i, w0);                                     \
        SHA256_SCHEDULE(w1, w2, w3, w0); SHA256_ROUNDS(i + 1, w1);                                 \
        SHA256_SCHEDULE(w2, w3, w0, w1); SHA256_ROUNDS(i + 2, w2);                                 \
        SHA256_SCHEDULE(w3, w0, w1, w2); SHA256_ROUNDS(i + 3, w3);                                 \
    } while (0)

__attribute__((target("sha,sse4.1,ssse3")))
static void sha256_compress_x86(uint32_t state[8], const uint8_t *data, size_t blocks) {
    const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
    __m128i dcba = _mm_loadu_si128((const __m128i *)state);
    __m128i hgfe = _mm_loadu_si128((const __m128i *)(state + 4));
    __m128i cdab = _mm_shuffle_epi32(dcba, 0xb1);
    __m128i efgh = _mm_shuffle_epi32(hgfe, 0x1b);
    __m128i abef = _mm_alignr_epi8(cdab, efgh, 8);
    __m128i cdgh = _mm_blend_epi16(efgh, cdab, 0xf0);
    for (; blocks; --blocks, data += 64) {
        const __m128i *block = (const __m128i *)data;
        __m128i abef_before = abef, cdgh_before = cdgh;
        __m128i w0 = _mm_shuffle_epi8(_mm_loadu_si128(block), swap);
        __m128i w1 = _mm_shuffle_epi8(_mm_loadu_si128(block + 1), swap);
        __m128i w2 = _mm_shuffle_epi8(_mm_loadu_si128(block + 2), swap);
        __m128i w3 = _mm_shuffle_epi8(_mm_loadu_si128(block + 3), swap);
        SHA256_ROUNDS(0, w0);
        SHA256_ROUNDS(1, w1);
        SHA256_ROUNDS(2, w2);
        SHA256_ROUNDS(3, w3);
        SHA256_SIXTEEN(4);
        SHA256_SIXTEEN(8);
        SHA256_SIXTEEN(12);
        abef = _mm_add_epi32(abef, abef_before);
        cdgh = _mm_add_epi32(cdgh, cdgh_before);
    }
    __m128i feba = _mm_shuffle_epi32(abef, 0x1b);
    __m128i dchg = _mm_shuffle_epi32(cdgh, 0xb1);
    _mm_storeu_si128((__m128i *)state, _mm_blend_epi16(feba, dchg, 0xf0));
    _mm_storeu_si128((__m128i *)(state + 4), _mm_alignr_epi8(dchg, feba, 8));
}

static int sha256_x86_supported(void) {
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d)) return 0;
    if (!(c & (1u << 9)) || !(c & (1u << 19))) return 0;   /* SSSE3, SSE4.1 */
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return 0;
    return (b >> 29) & 1;                                  /* SHA */
}

static sha256_compress_fn sha256_best(void) {
    return sha256_x86_supported() ? sha256_compress_x86 : sha256_compress_portable;
}
#else
static sha256_compress_fn sha256_best(void) { return sha256_compress_portable; }
#endif

#endif
