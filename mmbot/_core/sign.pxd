"""HMAC-SHA256 with the key's work done once: the SHA-256 states after the inner and outer pad are kept.

A signature of a 200-byte order then costs four to five compressions and no allocation.  The compression runs on the
CPU's SHA extension where there is one (asked at run time), else in portable C; both give the same digests.
"""
cimport cython
from libc.stdint cimport uint8_t, uint32_t


ctypedef void (*compress_fn)(uint32_t* state, const uint8_t* data, size_t blocks) noexcept nogil


@cython.final
cdef class HmacSha256:
    """One key. Only states derived from it are kept; neither repr nor pickle shows them."""
    cdef compress_fn compress
    cdef uint32_t inner[8]          # state after (key ^ ipad)
    cdef uint32_t outer[8]          # state after (key ^ opad)

    # HMAC of the message: 32 raw bytes, or 64 lower-case hex digits.
    cdef void digest_into(self, const char* message, Py_ssize_t size, uint8_t* out32) noexcept nogil
    cdef void hex_into(self, const char* message, Py_ssize_t size, char* out64) noexcept nogil

    # For messages that share a beginning: `prepare` gives the state after its whole 64-byte blocks and returns how many
    # bytes those are; `hex_after` goes on from there with the rest of the message.
    cdef Py_ssize_t prepare(self, const char* beginning, Py_ssize_t size, uint32_t* state) noexcept nogil
    cdef void hex_after(
        self, const uint32_t* state, Py_ssize_t done, const char* rest, Py_ssize_t size, char* out64
    ) noexcept nogil
