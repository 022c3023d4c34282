"""HMAC-SHA256 (RFC 2104, FIPS 180-4) with prepared key states; see ``sign.pxd`` for the contract."""

cimport cython
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

import hashlib


cdef extern from "sha256.h" nogil:
    const uint32_t SHA256_INITIAL[8]
    void sha256_compress_portable(uint32_t* state, const uint8_t* data, size_t blocks) noexcept nogil
    void sha256_store(uint8_t* out, uint32_t word) noexcept nogil
    compress_fn sha256_best() noexcept nogil


cdef enum:
    BLOCK = 64
    DIGEST = 32
    LENGTH_FIELD = 8


cdef const char* HEX = b"0123456789abcdef"


cdef void _pad_key(compress_fn compress, const uint8_t* key64, uint8_t pad, uint32_t* state) noexcept nogil:
    cdef uint8_t block[BLOCK]
    cdef int i
    for i in range(BLOCK):
        block[i] = key64[i] ^ pad
    memcpy(state, SHA256_INITIAL, 32)
    compress(state, block, 1)
    memset(block, 0, BLOCK)


cdef inline void _finish(
    compress_fn compress, uint32_t* state, uint64_t done, const uint8_t* data, Py_ssize_t size, uint8_t* out
) noexcept nogil:
    """Hash the rest of a message of which `done` bytes (whole blocks, key pad included) are in `state`."""
    cdef uint8_t tail[2 * BLOCK]
    cdef Py_ssize_t whole = size // BLOCK
    cdef Py_ssize_t rest = size - whole * BLOCK
    cdef Py_ssize_t padded = BLOCK if rest < BLOCK - LENGTH_FIELD else 2 * BLOCK
    cdef uint64_t bits = (done + <uint64_t>size) * 8
    cdef int i
    if whole:
        compress(state, data, whole)
    memcpy(tail, data + whole * BLOCK, rest)
    tail[rest] = 0x80
    memset(tail + rest + 1, 0, padded - rest - 1 - LENGTH_FIELD)
    sha256_store(tail + padded - 8, <uint32_t>(bits >> 32))
    sha256_store(tail + padded - 4, <uint32_t>bits)
    compress(state, tail, padded // BLOCK)
    for i in range(8):
        sha256_store(out + 4 * i, state[i])


@cython.final
cdef class HmacSha256:
    """HMAC-SHA256 of one key.

    Args:
        key: the secret, of any length.
        portable: use the portable compression even where the CPU has a SHA extension (to test one against the other).
    """

    def __cinit__(self, bytes key not None, *, bint portable=False):
        cdef uint8_t padded[BLOCK]
        cdef bytes short_key = key if len(key) <= BLOCK else hashlib.sha256(key).digest()
        self.compress = sha256_compress_portable if portable else sha256_best()
        memset(padded, 0, BLOCK)
        memcpy(padded, <const char*>short_key, len(short_key))
        _pad_key(self.compress, padded, 0x36, self.inner)
        _pad_key(self.compress, padded, 0x5c, self.outer)
        memset(padded, 0, BLOCK)

    cdef void digest_into(self, const char* message, Py_ssize_t size, uint8_t* out32) noexcept nogil:
        cdef uint32_t state[8]
        cdef uint8_t inner_digest[DIGEST]
        memcpy(state, self.inner, 32)
        _finish(self.compress, state, BLOCK, <const uint8_t*>message, size, inner_digest)
        memcpy(state, self.outer, 32)
        _finish(self.compress, state, BLOCK, inner_digest, DIGEST, out32)

    cdef void hex_into(self, const char* message, Py_ssize_t size, char* out64) noexcept nogil:
        self.hex_after(self.inner, 0, message, size, out64)

    cdef Py_ssize_t prepare(self, const char* beginning, Py_ssize_t size, uint32_t* state) noexcept nogil:
        cdef Py_ssize_t blocks = size // BLOCK
        memcpy(state, self.inner, 32)
        if blocks:
            self.compress(state, <const uint8_t*>beginning, blocks)
        return blocks * BLOCK

    cdef void hex_after(
        self, const uint32_t* state, Py_ssize_t done, const char* rest, Py_ssize_t size, char* out64
    ) noexcept nogil:
        cdef uint32_t running[8]
        cdef uint8_t digest[DIGEST]
        cdef int i
        memcpy(running, state, 32)
        _finish(self.compress, running, BLOCK + <uint64_t>done, <const uint8_t*>rest, size, digest)
        memcpy(running, self.outer, 32)
        _finish(self.compress, running, BLOCK, digest, DIGEST, digest)
        for i in range(DIGEST):
            out64[2 * i] = HEX[digest[i] >> 4]
            out64[2 * i + 1] = HEX[digest[i] & 15]

    @property
    def accelerated(self) -> bool:
        """Whether the CPU's SHA extension is used."""
        return self.compress is not sha256_compress_portable

    def digest(self, bytes message not None) -> bytes:
        """Sign a message: 32 raw bytes."""
        cdef uint8_t out[DIGEST]
        self.digest_into(message, len(message), out)
        return out[:DIGEST]

    def hexdigest(self, bytes message not None) -> str:
        """Sign a message: 64 lower-case hex digits."""
        cdef char out[2 * DIGEST]
        self.hex_into(message, len(message), out)
        return out[:2 * DIGEST].decode("ascii")

    def hexdigest_after(self, bytes beginning not None, bytes rest not None) -> str:
        """Sign `beginning + rest`, the whole blocks of `beginning` hashed apart, as prepared encoders do."""
        cdef uint32_t state[8]
        cdef char out[2 * DIGEST]
        cdef Py_ssize_t done = self.prepare(beginning, len(beginning), state)
        cdef bytes remaining = beginning[done:] + rest
        self.hex_after(state, done, remaining, len(remaining), out)
        return out[:2 * DIGEST].decode("ascii")

    def __repr__(self) -> str:
        return "HmacSha256(...)"

    def __reduce__(self):
        raise TypeError("HmacSha256 holds a secret and is not pickled")
