"""How each venue stands: whether it takes orders, whether its picture agreed with ours, how far its clock is off."""
cimport cython
from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t

from mmbot._core.gate cimport MAX_MARKETS
from mmbot._core.orders cimport OrderTable


@cython.final
cdef class VenueStates:
    cdef readonly tuple markets
    cdef readonly int n_venues
    cdef int32_t[MAX_MARKETS] of                    # by market: its venue; everything below is by venue
    cdef uint8_t[MAX_MARKETS] up                    # order entry and user stream are there
    cdef uint64_t[MAX_MARKETS] up_seq               # the event that brought them up last
    cdef int64_t[MAX_MARKETS] clock_offset_ns       # its clock minus ours
    cdef uint8_t[MAX_MARKETS] picture_wanted, conclusive
    cdef int64_t[MAX_MARKETS] missing_since_ns      # 0: no fill is missing
    cdef readonly bint pictures_wanted              # of any venue

    # Orders are sent only where ours are reconciled: `Market.trading`.
    cdef void set_trading(self, int venue, bint up, bint reconciled, uint64_t seq) noexcept
    # Take in how a picture compared that was asked for after event `asked_seq`; whether that settles the venue.
    cdef bint judge(self, int venue, bint conclusive, uint64_t asked_seq) noexcept
    cdef void fill_missing(self, int market, int64_t now_ns) noexcept
    cdef void chase_missing_fills(self, OrderTable table, int64_t now_ns) noexcept
    cdef int64_t worst_skew_ns(self) noexcept
    cdef int check(self, int venue) except -1       # raises IndexError
