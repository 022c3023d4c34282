"""Whether a modelled account still holds what its positions need.

An account is what a venue keeps in one settle asset: its wallet backs all positions that are settled in it (cross
margin). Equity is the wallet and the positions' PnL at mid prices; what they need are their maintenance margins at mark
prices, or mid prices where no mark is known. Positions are the venue's, prices those that the strategy sees.
"""
from mmbot._core.engine cimport Engine


cdef class Solvency:
    cdef readonly double equity, needed         # of the account that was last looked at, in its asset
    cdef Engine engine
    cdef tuple papers                           # PaperMarket, by market index
    cdef int venue, asset

    cdef bint look(self) except -1              # True: an account's equity has fallen to what it needs
    cdef bint concerns(self, int market)        # whether a market's position is that account's
    cdef double _needs(self, int market) except? -1.0
