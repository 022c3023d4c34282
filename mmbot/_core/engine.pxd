"""The deterministic core: events in, commands out. One thread, no clock, no socket, no file, no randomness."""
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint64_t

from mmbot._core.decode cimport Decoder
from mmbot._core.eventlog cimport EventRing
from mmbot._core.execution cimport Execution
from mmbot._core.gate cimport MAX_MARKETS
from mmbot._core.hedge cimport HedgeGroup
from mmbot._core.host cimport PluginHost
from mmbot._core.latency cimport LatencyBoard
from mmbot._core.limits cimport SessionLimits
from mmbot._core.market cimport Market
from mmbot._core.message cimport Decoded
from mmbot._core.orders cimport ApplyResult, Order
from mmbot._core.position cimport MAX_ASSETS
from mmbot._core.quoting cimport QuoteSet
from mmbot._core.reconcile cimport Reconciler
from mmbot._core.strategy cimport Strategy
from mmbot._core.types cimport OrderUpdate


cdef class Engine:
    cdef readonly tuple markets             # Market, by index
    cdef readonly tuple decoders            # Decoder, by feed
    cdef readonly tuple groups              # HedgeGroup
    cdef readonly Execution execution
    cdef readonly PluginHost host
    cdef readonly SessionLimits limits
    cdef readonly Reconciler reconciler
    cdef readonly LatencyBoard latency
    cdef EventRing ring                     # None: a replay, or a bench without a journal
    cdef list outlets                       # callables by market; None: commands wait for `take`
    cdef readonly uint64_t seq              # number of the last event
    cdef readonly int64_t now_ns            # its time; never goes back
    cdef readonly bint stopping
    cdef readonly bint patient              # orders follow declarations of the strategy only; see `_act`
    cdef readonly bint wake_always          # the strategy hears of every message, not of changes of the touch alone
    cdef readonly int64_t stale_ns, stop_ns
    cdef readonly double flatten_slippage
    # counters
    cdef readonly uint64_t frames, bad_frames, fills, hedge_fills, acked, rejected, canceled, unknown, foreign
    cdef readonly list executions           # Fill objects not yet taken by the shell's ledger
    cdef readonly list notes                # texts not yet taken by the shell's log
    cdef readonly bint pictures_wanted      # see `take_pictures_wanted`
    cdef int32_t[MAX_MARKETS] venue_of, group_of, settle_asset, base_asset, first_feed
    cdef uint8_t[MAX_MARKETS] venue_up, venue_reconciled    # by venue
    cdef uint64_t[MAX_MARKETS] up_seq                       # by venue: the event that brought it up last
    cdef int64_t[MAX_MARKETS][MAX_ASSETS] wallet_e8         # by venue and asset
    cdef uint8_t[MAX_MARKETS][MAX_ASSETS] wallet_known
    cdef uint8_t[MAX_MARKETS] picture_wanted, conclusive    # by venue
    cdef int64_t[MAX_MARKETS] missing_since_ns              # by venue; 0: no fill is missing
    cdef uint8_t[MAX_MARKETS] dirty, paused, orders_moved   # by market
    cdef int64_t[MAX_MARKETS] asked_ns                      # by market: the latest snapshot asked for
    cdef int32_t[MAX_MARKETS] asks                          # ... and how many in a row
    cdef int64_t reject_streak
    cdef int64_t[MAX_MARKETS] clock_offset_ns               # by venue: its clock minus ours
    cdef readonly int64_t latency_budget_ns
    cdef int64_t feed_messages, slow_messages, slowest_ns   # since the last look at the budget
    cdef Decoded message
    cdef QuoteSet nothing, reduced, cleared

    cdef int frame(self, int feed, const char* p, Py_ssize_t n, int64_t recv_ns) except -1
    cdef int order(self, const OrderUpdate* update, int64_t ts_ns) except -1

    cdef void _begin(self, uint8_t kind, uint16_t source, int64_t ts_ns, const void* body, Py_ssize_t size) noexcept
    cdef int _end(self) except -1
    cdef void _touched(self, Market market, bint was_trusted) noexcept
    cdef void _want_picture(self, int venue) noexcept
    cdef void _chase_missing_fills(self) noexcept
    cdef void _feed_latency(self, int64_t latency_ns) noexcept
    cdef int64_t _worst_skew(self) noexcept
    cdef void _ask_snapshot(self, Market market) noexcept
    cdef void _ask_overdue(self) noexcept
    cdef int64_t _unknown_orders(self) noexcept
    cdef int _filled(
        self, Market market, const OrderUpdate* update, const ApplyResult* result, const Order* order) except -1
    cdef void _order_moved(
        self, Market market, const OrderUpdate* update, const ApplyResult* result, const Order* order) noexcept
    cdef void _work(self, Market market) noexcept
    cdef const QuoteSet* _allowed(self, Market market) noexcept
    cdef void _work_all(self) noexcept
    cdef void _act(self) noexcept
    cdef void _flatten(self) noexcept
    cdef void _level_changed(self) noexcept
    cdef void _observe_pnl(self) noexcept
    cdef int _set_wallet(self, int venue, int asset, int64_t wallet_e8) except -1
    cdef void _tell_margin(self) noexcept
    cdef void _mark_all_dirty(self) noexcept
    cdef int64_t _backlog_age(self, HedgeGroup group) noexcept
    cdef void _plugin_failures(self) noexcept
    cdef void _heed(self, Strategy plugin) noexcept
    cdef void _note(self, str text) noexcept
    cdef int _set_trading(self, int venue, bint up, bint reconciled) except -1
