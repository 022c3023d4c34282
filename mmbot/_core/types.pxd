"""The vocabulary of the core: enums, the instrument, and the structs that cross module borders.

Prices are ``*_ticks``, quantities ``*_lots``, money ``*_e8`` (1e-8 of its asset), times ``*_ns`` (UTC), all int64.
"""
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint64_t


cpdef enum Side:
    BUY = 0
    SELL = 1


cpdef enum TimeInForce:
    GTC = 0
    IOC = 1
    FOK = 2
    GTX = 3                 # post-only


cpdef enum Purpose:
    QUOTE = 0               # a strategy's quote
    HEDGE = 1               # an engine hedge
    FLATTEN = 2             # wind-down of a position


cpdef enum OrderState:
    NONE = 0                # the slot is free
    PENDING_NEW = 1
    LIVE = 2
    PARTIALLY_FILLED = 3
    PENDING_AMEND = 4
    PENDING_CANCEL = 5
    UNKNOWN = 6             # sent, no answer: counts as live at its worst
    FILLED = 7              # this and all above: terminal
    CANCELED = 8
    REJECTED = 9
    EXPIRED = 10


cpdef enum OrderEventKind:
    ACK = 1                 # the venue accepted the new order
    FILL = 2
    CANCEL = 3              # the venue says it is canceled
    EXPIRE = 4              # IOC/FOK remainder, post-only that would cross, STP
    REJECT = 5              # the new order was refused: it never rested
    AMEND = 6               # the venue applied an amend: price_ticks, qty_lots are the new ones
    AMEND_REJECT = 7        # the amend was refused; the order stands as before
    CANCEL_REJECT = 8       # the cancel was refused for another reason than "no such order"
    NOT_FOUND = 9           # a query, cancel or amend answered "no such order"
    LOST = 10               # a request went out and its outcome is unknown (timeout, 503, socket gone)
    STATUS = 11             # a query's or reconciliation's full picture: state, cum_filled_lots, price, qty


cpdef enum Owner:           # whose client_order_id it is
    OTHER = 0               # not this bot: never touched
    OURS = 1                # this session
    OURS_BEFORE = 2         # an earlier session of this bot: its fills count, the order is canceled at sight


cpdef enum CommandKind:
    PLACE = 1
    AMEND_ORDER = 2
    CANCEL_ORDER = 3
    CANCEL_ALL = 4          # every order of ours on the market
    QUERY_ORDER = 5         # resolve an unknown order by client_order_id
    RESYNC = 6              # fetch a fresh book snapshot of the market
    RECONCILE = 7           # fetch open orders, positions, balances, fills of the venue


cdef struct DecimalUnit:    # one tick or one lot is mantissa * 10**-decimals
    int64_t mantissa
    int32_t decimals


cdef struct Level:
    int64_t price_ticks
    int64_t qty_lots


cdef struct OrderUpdate:    # one normalised message of a venue about one order
    int64_t exch_ts_ns      # 0: not stated
    uint64_t order_num      # number inside our client_order_id; 0: not an order of this session
    int64_t venue_order_id  # 0: not stated
    int64_t price_ticks     # the order's price and quantity as the venue now has them; 0: not stated
    int64_t qty_lots
    int64_t cum_filled_lots  # -1: not stated
    int64_t last_price_ticks
    int64_t last_qty_lots
    int64_t trade_id        # unique per market; meaningful for FILL
    int64_t fee_e8          # > 0 paid, < 0 rebate, in units of 1e-8 fee asset
    int32_t market
    int32_t reason          # venue error code, as the venue numbers it; 0: none
    int16_t fee_asset       # index into the engine's asset table
    int8_t kind             # OrderEventKind
    int8_t side
    int8_t state            # OrderState, for STATUS
    int8_t maker            # 1 maker, 0 taker, -1 not stated
    int8_t owner            # Owner
    int8_t request          # CommandKind (PLACE, AMEND_ORDER, CANCEL_ORDER, QUERY_ORDER) it answers; 0: a stream event


cdef struct Command:        # what the core wants done; the shell encodes and sends it
    int64_t ts_ns           # the time of the event that caused it
    uint64_t event_seq      # the number of that event
    uint64_t order_num
    int64_t venue_order_id  # 0: not known yet
    int64_t price_ticks
    int64_t qty_lots        # PLACE, AMEND_ORDER: the whole order quantity
    int32_t market
    int32_t reason
    int8_t kind             # CommandKind
    int8_t side
    int8_t time_in_force
    int8_t reduce_only
    int8_t purpose
    uint8_t attempt


cdef class Instrument:
    """What is fixed about a market: its units, limits and fees. Shared by every layer."""
    cdef readonly str venue             # "binance_usdm"
    cdef readonly str symbol            # unified, "BTC/USDT:USDT"
    cdef readonly str venue_symbol      # "BTCUSDT"
    cdef readonly str base_asset, quote_asset, settle_asset
    cdef readonly str tick_size, lot_size         # exact decimals as text
    cdef readonly str contract_size               # base units a lot-unit stands for (inverse: quote units)
    cdef readonly bint perpetual                  # False: spot
    cdef readonly bint inverse
    cdef readonly bint amend_keeps_priority       # an amend to a smaller quantity keeps its queue place
    cdef readonly bint amend_any                  # price and quantity may be amended; else a smaller quantity, or none
    cdef DecimalUnit tick, lot
    cdef readonly double tick_value               # float(tick_size)
    cdef readonly double lot_value                # float(lot_size) * float(contract_size)
    cdef readonly int64_t min_qty_lots, max_qty_lots
    cdef readonly int64_t min_price_ticks, max_price_ticks
    cdef readonly int64_t min_notional_e8
    cdef readonly int32_t max_open_orders
    cdef readonly double maker_fee, taker_fee     # fractions of notional; < 0 is a rebate


cdef class OrderEvent:
    """Python's handle on one `OrderUpdate`."""
    cdef OrderUpdate data


cdef class CommandView:
    """Python's handle on one `Command`; a copy, safe to keep."""
    cdef Command data
