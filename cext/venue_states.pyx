"""How each venue stands; see ``venue_states.pxd``."""

from libc.stdint cimport int64_t, uint64_t

from mmbot._core.market cimport Market
from mmbot._core.orders cimport OrderTable

cdef enum:
    MISSING_FILL_NS = 1000000000


cdef class VenueStates:
    """Which venues take orders and agree with us, and whose picture is wanted.

    Args:
        markets: all markets, by index.
        venue_of: venue number of each.
    """

    def __init__(self, tuple markets, venue_of):
        self.markets = markets
        for i, venue in enumerate(venue_of):
            self.of[<int>i] = venue
            self.n_venues = max(self.n_venues, venue + 1)

    cdef int check(self, int venue) except -1:
        if not 0 <= venue < self.n_venues:
            raise IndexError(f"venue {venue}: this engine's markets are of {self.n_venues}")
        return 0

    cdef void set_trading(self, int venue, bint up, bint reconciled, uint64_t seq) noexcept:
        if up and not self.up[venue]:
            self.up_seq[venue] = seq
        self.up[venue] = up
        for item in self.markets:
            if self.of[(<Market>item).index] == venue:
                (<Market>item).trading = up and reconciled

    cdef bint judge(self, int venue, bint conclusive, uint64_t asked_seq) noexcept:
        if asked_seq < self.up_seq[venue]:
            conclusive = False          # of the time before the connection was lost
        self.conclusive[venue] = conclusive
        if not conclusive:
            self.picture_wanted[venue] = self.pictures_wanted = True
        return conclusive

    cdef void fill_missing(self, int market, int64_t now_ns) noexcept:
        if self.missing_since_ns[self.of[market]] == 0:
            self.missing_since_ns[self.of[market]] = now_ns

    cdef void chase_missing_fills(self, OrderTable table, int64_t now_ns) noexcept:
        """An answer may tell of a fill before the stream brings it: only what stays missing is asked for."""
        cdef int venue
        cdef bint missing
        for venue in range(self.n_venues):
            if self.missing_since_ns[venue] == 0:
                continue
            missing = False
            for i in range(len(self.markets)):
                if self.of[i] == venue and table.exposure(i).missing_lots > 0:
                    missing = True
            if not missing:
                self.missing_since_ns[venue] = 0
            elif now_ns - self.missing_since_ns[venue] >= <int64_t>MISSING_FILL_NS:
                self.missing_since_ns[venue] = now_ns
                self.picture_wanted[venue] = self.pictures_wanted = True

    cdef int64_t worst_skew_ns(self) noexcept:
        cdef int64_t worst_ns = 0
        cdef int venue
        for venue in range(self.n_venues):
            worst_ns = max(worst_ns, abs(self.clock_offset_ns[venue]))
        return worst_ns

    def take_pictures_wanted(self) -> list[int]:
        """Venues whose picture the core wants: the last one was inconclusive, or fills stay missing."""
        venues = [venue for venue in range(self.n_venues) if self.picture_wanted[venue]]
        for venue in venues:
            self.picture_wanted[<int>venue] = False
        self.pictures_wanted = False
        return venues

    def was_conclusive(self, int venue) -> bool:
        """Whether the venue's last picture agreed with us in everything."""
        self.check(venue)
        return self.conclusive[venue]
