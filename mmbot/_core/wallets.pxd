"""What the accounts hold at each venue, and so what backs each perpetual position."""
cimport cython
from libc.stdint cimport int32_t, int64_t, uint8_t

from mmbot._core.gate cimport MAX_MARKETS, RiskGate
from mmbot._core.market cimport Market
from mmbot._core.position cimport MAX_ASSETS
from mmbot._core.venue_states cimport VenueStates


@cython.final
cdef class Wallets:
    cdef readonly tuple markets
    cdef VenueStates venues
    cdef RiskGate gate
    cdef int32_t[MAX_MARKETS] settle_asset                  # by market
    cdef int64_t[MAX_MARKETS][MAX_ASSETS] held_e8           # by venue and asset
    cdef uint8_t[MAX_MARKETS][MAX_ASSETS] known

    cdef void hold(self, int venue, int asset, int64_t amount_e8) noexcept      # what is out of range is ignored
    cdef void tell_gate(self) noexcept                      # what backs each perpetual
    # Maintenance over equity, ppm, of the worst market after its price moved by this fraction against its position;
    # 1,000,000 and more is liquidation.
    cdef int64_t shocked_ppm(self, double move) noexcept
    cdef double maintenance(self, Market market) noexcept   # margin its position needs at the mid, settle asset
