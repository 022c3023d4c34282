"""Desired quotes against working orders: the fewest messages that close the difference."""
from libc.stdint cimport int8_t, int32_t, int64_t

from mmbot._core.orders cimport OrderTable
from mmbot._core.quoting cimport QuoteSet


cdef enum:
    MAX_ACTIONS = 256           # of one diff; what does not fit comes out of the next


cdef struct Action:             # in the order to be sent
    int64_t price_ticks
    int64_t qty_lots            # PLACE, AMEND_ORDER: the whole order quantity (filled part included)
    int32_t slot                # -1 for PLACE
    int8_t kind                 # CommandKind: PLACE, AMEND_ORDER, CANCEL_ORDER
    int8_t side


cdef struct DiffRules:
    int64_t tolerance_ticks     # leave an order alone that is this close in price ...
    int64_t tolerance_qty_ppm   # ... and whose remaining quantity is within this share of the wanted one (1e-6)
    int64_t unsafe_ticks        # cancel what is in flight when further than this beyond the best wanted price
    # Worst-case lots allowed beyond what is wanted, so that a replacement may leave before the cancel of the old order
    # is confirmed; 0: wait for the confirmation.
    int64_t spare_buy_lots, spare_sell_lots
    int8_t overlap              # a replacement leaves together with the cancel; what is in flight is waited for
    int8_t amend_any            # Instrument.amend_any
    int8_t amend_smaller        # same price, smaller quantity may be amended (Instrument.amend_keeps_priority)


# Compares the QUOTE orders of a market with the wanted quotes (levels best first, no price twice; qty_lots > 0 is the
# quantity wanted to rest). Writes up to room actions, returns their number: cancels, then amends away from the market,
# then amends towards it, then places. Reads only; the caller gates and sends each action and tells the table. Run again
# then, it returns 0.
cdef int32_t diff_quotes(OrderTable table, int32_t market, const QuoteSet* wanted, const DiffRules* rules,
                         Action* actions, int32_t room) noexcept nogil
