/* CRC-32C (Castagnoli, reflected polynomial 0x82F63B78, as in RFC 3720 appendix B.4). The instruction is used when the CPU
   at hand has it; the table gives the same result everywhere else. */
#ifndef MMBOT_CRC32C_H
#define MMBOT_CRC32C_H
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static uint32_t mmbot_crc32c_table[256];

static uint32_t mmbot_crc32c_by_table(uint32_t crc, const uint8_t *data, size_t size) {
    crc = ~crc;
    while (size--) crc = mmbot_crc32c_table[(crc ^ *data++) & 0xFF] ^ (crc >> 8);
    return ~crc;
}

#if defined(__x86_64__) && defined(__GNUC__)
__attribute__((target("sse4.2")))
static uint32_t mmbot_crc32c_by_instruction(uint32_t crc, const uint8_t *data, size_t size) {
    uint64_t wide = (uint32_t)~crc, word;
    while (size >= 8) {
        memcpy(&word, data, 8);
        wide = __builtin_ia32_crc32di(wide, word);
        data += 8;
        size -= 8;
    }
    crc = (uint32_t)wide;
    while (size--) crc = __builtin_ia32_crc32qi(crc, *data++);
    return ~crc;
}
static int mmbot_crc32c_has_instruction(void) { return __builtin_cpu_supports("sse4.2") != 0; }
#else
#define mmbot_crc32c_by_instruction mmbot_crc32c_by_table
static int mmbot_crc32c_has_instruction(void) { return 0; }
#endif

static uint32_t (*mmbot_crc32c)(uint32_t, const uint8_t *, size_t) = mmbot_crc32c_by_table;

static int mmbot_crc32c_prepare(void) {
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ ((crc & 1) ? 0x82F63B78u : 0);
        mmbot_crc32c_table[byte] = crc;
    }
    if (mmbot_crc32c_has_instruction()) mmbot_crc32c = mmbot_crc32c_by_instruction;
    return mmbot_crc32c == mmbot_crc32c_by_instruction;
}

/* Positions shared by the producer and the draining thread. */
static inline uint64_t mmbot_load_acquire(const uint64_t *at) { return __atomic_load_n(at, __ATOMIC_ACQUIRE); }
static inline void mmbot_store_release(uint64_t *at, uint64_t value) { __atomic_store_n(at, value, __ATOMIC_RELEASE); }
#endif
