"""What the core has to say to people: texts that wait for the shell's log."""
cimport cython


@cython.final
cdef class Notes:
    cdef readonly list texts            # oldest first; always the same list

    cdef void add(self, str text) noexcept
