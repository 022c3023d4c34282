"""HMAC-SHA256 with the key's work done once: the SHA-256 states after the inner and outer pad are kept.

A signature of a 200-byte order then costs four to five compressions and no allocation.  The compression runs on the
CPU's SHA extension where there is one (found at import), else in portable C; both give the same digests.
"""
from libc.stdint cimport uint8_t, uint32_t


cdef class HmacSha256:
    """One key. Not a secret holder to print: its repr names nothing."""
    cdef uint32_t inner[8]          # state after (key ^ ipad)
    cdef uint32_t outer[8]          # state after (key ^ opad)

    cdef void digest_into(self, const char* message, Py_ssize_t size, uint8_t* out32) noexcept nogil
    cdef void hex_into(self, const char* message, Py_ssize_t size, char* out64) noexcept nogil
