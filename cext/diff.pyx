"""Desired quotes against working orders; see ``diff.pxd`` for the contract.

Every order that stays saves two messages (a cancel and a place) or one (an amend), so the fewest messages means the
largest number of orders that can stay: a maximum matching of orders to levels, found by augmenting paths (Kuhn 1955).
"""

from libc.stdint cimport uint8_t, uint32_t

from mmbot._core.orders cimport (
    CANCEL_WANTED, IN_DOUBT, IN_FLIGHT, IN_FLIGHT_AMEND, IN_FLIGHT_CANCEL, Order, OrderTable,
)
from mmbot._core.quoting cimport MAX_QUOTE_LEVELS, QuoteSet
from mmbot._core.types cimport CommandKind, Level, Purpose, Side

cdef enum:
    MAX_SIDE_ORDERS = 128       # considered at once; the rest waits for the next diff
    PHASES = 4                  # the order of sending
    CANCELS = 0
    AWAY = 1                    # amends that make a price less aggressive
    TOWARDS = 2
    PLACES = 3

cdef extern from * nogil:
    int __builtin_ctz(unsigned int mask)


cdef struct Candidate:          # an order that may stay
    int64_t price_ticks         # where it is, or is about to be
    int64_t remaining_lots
    uint32_t near               # bit set of levels it may stay for
    int32_t slot
    int32_t level               # the one it stays for, or -1
    bint busy                   # a request is in flight or its outcome in doubt: it can only be waited for, or canceled


cdef struct SideDiff:
    Candidate orders[MAX_SIDE_ORDERS]
    int32_t holder[MAX_QUOTE_LEVELS]    # candidate index, or -1: the level has no order
    const Level* levels
    int64_t room_lots           # exposure that may still be added
    int32_t n_orders, n_levels
    int8_t side


cdef struct Plan:               # actions so far, with their phase
    Action actions[MAX_ACTIONS]
    uint8_t phases[MAX_ACTIONS]
    int32_t count


cdef inline int64_t _distance(int64_t a, int64_t b) noexcept nogil:
    return a - b if a > b else b - a


cdef inline bint _beyond(int8_t side, int64_t price, int64_t other) noexcept nogil:
    """Whether a price is more aggressive than another."""
    return price > other if side == Side.BUY else price < other


cdef inline void _add(
    Plan* plan, int32_t phase, int8_t kind, int8_t side, int32_t slot, int64_t price_ticks, int64_t qty_lots,
) noexcept nogil:
    cdef Action* action
    if plan.count == MAX_ACTIONS:
        return
    action = &plan.actions[plan.count]
    action.kind, action.side, action.slot = kind, side, slot
    action.price_ticks, action.qty_lots = price_ticks, qty_lots
    plan.phases[plan.count] = <uint8_t>phase
    plan.count += 1


cdef inline void _add_cancel(Plan* plan, const Order* order, int32_t slot) noexcept nogil:
    _add(plan, CANCELS, CommandKind.CANCEL_ORDER, order.side, slot, order.price_ticks, order.qty_lots)


cdef inline bint _may_stay(const Candidate* own, const Level* level, const DiffRules* rules) noexcept nogil:
    if _distance(own.price_ticks, level.price_ticks) > rules.tolerance_ticks:
        return False
    # A busy order's quantity can be mended once it is answered.
    return own.busy or (
        _distance(own.remaining_lots, level.qty_lots) * 1_000_000 <= rules.tolerance_qty_ppm * level.qty_lots
    )


cdef void _collect(SideDiff* diff, OrderTable table, int32_t market, const DiffRules* rules, Plan* plan) noexcept nogil:
    """Lists the orders that may stay; repeats a cancel that is wanted and not under way."""
    cdef int32_t slot = table.first(market, diff.side)
    cdef int32_t index, level
    cdef const Order* order
    cdef Candidate* own
    diff.n_orders = 0
    for level in range(diff.n_levels):
        diff.holder[level] = -1
        diff.room_lots += diff.levels[level].qty_lots
    while slot >= 0:
        order = table.at(slot)
        index = slot
        slot = order.next
        if order.purpose != Purpose.QUOTE:
            continue
        if not (rules.overlap and order.flags & (IN_FLIGHT_CANCEL | CANCEL_WANTED)):
            diff.room_lots -= order.exposed_lots
        if order.flags & (IN_FLIGHT_CANCEL | CANCEL_WANTED):
            if not order.flags & (IN_FLIGHT | IN_DOUBT):
                _add_cancel(plan, order, index)
            continue
        if diff.n_orders == MAX_SIDE_ORDERS:
            continue
        own = &diff.orders[diff.n_orders]
        diff.n_orders += 1
        own.slot, own.level = index, -1
        own.busy = (order.flags & (IN_FLIGHT | IN_DOUBT)) != 0
        own.price_ticks, own.remaining_lots = order.price_ticks, order.qty_lots - order.filled_lots
        if order.flags & IN_FLIGHT_AMEND:
            own.price_ticks, own.remaining_lots = order.new_price_ticks, order.new_qty_lots - order.filled_lots
        own.near = 0
        for level in range(diff.n_levels):
            if _may_stay(own, &diff.levels[level], rules):
                own.near |= <uint32_t>1 << level


cdef bint _augment(SideDiff* diff, int32_t index, uint32_t* visited) noexcept nogil:
    """Finds a level for a candidate, moving others to their alternatives."""
    cdef uint32_t open_levels
    cdef int32_t level
    while True:
        open_levels = diff.orders[index].near & ~visited[0]
        if open_levels == 0:
            return False
        level = __builtin_ctz(open_levels)
        visited[0] |= <uint32_t>1 << level
        if diff.holder[level] < 0 or _augment(diff, diff.holder[level], visited):
            diff.holder[level] = index
            diff.orders[index].level = level
            return True


cdef void _match(SideDiff* diff, const DiffRules* rules) noexcept nogil:
    cdef int32_t index, level
    cdef uint32_t mask, visited
    cdef Candidate* own
    for index in range(diff.n_orders):      # those that are exactly where they should be
        own = &diff.orders[index]
        mask = own.near
        while mask:
            level = __builtin_ctz(mask)
            mask &= mask - 1
            if diff.holder[level] < 0 and own.price_ticks == diff.levels[level].price_ticks:
                diff.holder[level] = index
                own.level = level
                break
    for index in range(diff.n_orders):      # then as many more as possible, oldest first
        if diff.orders[index].level < 0 and diff.orders[index].near:
            visited = 0
            _augment(diff, index, &visited)


cdef void _reserve(SideDiff* diff) noexcept nogil:
    """An order that stays though it is larger than wanted takes no room from the others."""
    cdef int32_t index
    cdef int64_t excess
    for index in range(diff.n_orders):
        if diff.orders[index].level >= 0:
            excess = diff.orders[index].remaining_lots - diff.levels[diff.orders[index].level].qty_lots
            if excess > 0:
                diff.room_lots += excess


cdef void _amend_to(
    SideDiff* diff, OrderTable table, Candidate* own, int32_t level, int64_t price_ticks, Plan* plan,
) noexcept nogil:
    """Emits the amend of an order to a level; without room to grow it only moves, or waits if it need not move."""
    cdef const Order* order = table.at(own.slot)
    cdef int64_t qty_lots = order.filled_lots + diff.levels[level].qty_lots
    cdef int64_t growth = qty_lots - order.qty_lots
    diff.holder[level] = <int32_t>(own - diff.orders)
    own.level = level
    if growth > 0:
        if growth > diff.room_lots:
            if price_ticks == order.price_ticks:
                return
            qty_lots, growth = order.qty_lots, 0
        diff.room_lots -= growth
    _add(
        plan, TOWARDS if _beyond(diff.side, price_ticks, order.price_ticks) else AWAY,
        CommandKind.AMEND_ORDER, diff.side, own.slot, price_ticks, qty_lots,
    )


cdef void _amend_in_place(SideDiff* diff, OrderTable table, const DiffRules* rules, Plan* plan) noexcept nogil:
    """Orders whose price may stay: only the quantity changes. Where only reductions are allowed, only those."""
    cdef int32_t index, level
    cdef Candidate* own
    cdef int64_t reach = 0 if rules.amend_any else rules.tolerance_ticks
    for index in range(diff.n_orders):
        own = &diff.orders[index]
        if own.level >= 0 or own.busy:
            continue
        for level in range(diff.n_levels):
            if diff.holder[level] < 0 and _distance(own.price_ticks, diff.levels[level].price_ticks) <= reach and (
                rules.amend_any or diff.levels[level].qty_lots < own.remaining_lots
            ):
                _amend_to(diff, table, own, level, own.price_ticks, plan)
                break


cdef int32_t _most_aggressive(const SideDiff* diff, bint busy) noexcept nogil:
    """The candidate without a level that stands closest to the market, or -1."""
    cdef int32_t index, best = -1
    for index in range(diff.n_orders):
        if diff.orders[index].level < 0 and diff.orders[index].busy == busy and (
            best < 0 or _beyond(diff.side, diff.orders[index].price_ticks, diff.orders[best].price_ticks)
        ):
            best = index
    return best


cdef void _amend_anywhere(SideDiff* diff, OrderTable table, Plan* plan) noexcept nogil:
    """Moves free orders to levels without one, best to best; a busy one will be moved later, its level waits."""
    cdef int32_t level, index
    for level in range(diff.n_levels):
        if diff.holder[level] >= 0:
            continue
        index = _most_aggressive(diff, False)
        if index >= 0:
            _amend_to(diff, table, &diff.orders[index], level, diff.levels[level].price_ticks, plan)
    for level in range(diff.n_levels):
        if diff.holder[level] >= 0:
            continue
        index = _most_aggressive(diff, True)
        if index < 0:
            return
        diff.holder[level] = index
        diff.orders[index].level = -2       # has a use, but not yet its place


cdef void _cancel_rest(SideDiff* diff, OrderTable table, const DiffRules* rules, Plan* plan) noexcept nogil:
    """Free orders without a level go; busy ones only when they are unsafe, and with `overlap` not at all."""
    cdef int32_t index
    cdef int64_t limit
    cdef Candidate* own
    for index in range(diff.n_orders):
        own = &diff.orders[index]
        if own.level >= 0 or own.busy and rules.overlap:
            continue
        if rules.overlap:
            diff.room_lots += table.at(own.slot).exposed_lots
        if own.busy and diff.n_levels:
            limit = diff.levels[0].price_ticks
            limit += rules.unsafe_ticks if diff.side == Side.BUY else -rules.unsafe_ticks
            if not _beyond(diff.side, table.at(own.slot).touch_ticks, limit):
                continue
        _add_cancel(plan, table.at(own.slot), own.slot)


cdef void _place_rest(SideDiff* diff, Plan* plan) noexcept nogil:
    """Levels without an order get one as soon as the exposure of what is leaving has room for it."""
    cdef int32_t level
    cdef const Level* wanted
    for level in range(diff.n_levels):
        wanted = &diff.levels[level]
        if diff.holder[level] < 0 and wanted.qty_lots <= diff.room_lots:
            diff.room_lots -= wanted.qty_lots
            _add(plan, PLACES, CommandKind.PLACE, diff.side, -1, wanted.price_ticks, wanted.qty_lots)


cdef void _diff_side(
    SideDiff* diff, OrderTable table, int32_t market, const DiffRules* rules, Plan* plan,
) noexcept nogil:
    _collect(diff, table, market, rules, plan)
    _match(diff, rules)
    _reserve(diff)
    if rules.amend_any or rules.amend_smaller:
        _amend_in_place(diff, table, rules, plan)
    if rules.amend_any:
        _amend_anywhere(diff, table, plan)
    _cancel_rest(diff, table, rules, plan)
    _place_rest(diff, plan)


cdef int32_t diff_quotes(
    OrderTable table, int32_t market, const QuoteSet* wanted, const DiffRules* rules, Action* actions, int32_t room,
) noexcept nogil:
    cdef SideDiff diff
    cdef Plan plan
    cdef int32_t phase, index, count = 0
    plan.count = 0
    diff.side, diff.n_levels = Side.BUY, wanted.n_bids
    diff.levels = &wanted.bids[0]
    diff.room_lots = rules.spare_buy_lots
    _diff_side(&diff, table, market, rules, &plan)
    diff.side, diff.n_levels = Side.SELL, wanted.n_asks
    diff.levels = &wanted.asks[0]
    diff.room_lots = rules.spare_sell_lots
    _diff_side(&diff, table, market, rules, &plan)
    if plan.count == 0:
        return 0
    for phase in range(PHASES):
        for index in range(plan.count):
            if plan.phases[index] == phase and count < room:
                actions[count] = plan.actions[index]
                count += 1
    return count


cdef int _read_wanted(OrderTable table, int32_t market, list bids, list asks, QuoteSet* wanted) except -1:
    cdef int32_t index
    if not 0 <= market < table.markets:
        raise IndexError(f"market {market} of {table.markets}")
    if len(bids) > MAX_QUOTE_LEVELS or len(asks) > MAX_QUOTE_LEVELS:
        raise ValueError(f"expected at most {MAX_QUOTE_LEVELS} levels a side, found {len(bids)} and {len(asks)}")
    wanted.n_bids, wanted.n_asks = len(bids), len(asks)
    for index in range(wanted.n_bids):
        wanted.bids[index].price_ticks, wanted.bids[index].qty_lots = bids[index]
    for index in range(wanted.n_asks):
        wanted.asks[index].price_ticks, wanted.asks[index].qty_lots = asks[index]
    return 0


def diff_market(
    OrderTable table not None, int32_t market, list bids not None, list asks not None, *,
    int64_t tolerance_ticks=0, int64_t tolerance_qty_ppm=0, int64_t unsafe_ticks=1 << 40,
    int64_t spare_buy_lots=0, int64_t spare_sell_lots=0, bint amend_any=True, bint amend_smaller=False,
    bint overlap=False,
) -> list[dict[str, int]]:
    """`diff_quotes` for Python: the actions by field name.

    Args:
        table: the working orders.
        market: index of the market.
        bids, asks: wanted `(price_ticks, qty_lots)`, best first.
        tolerance_ticks, tolerance_qty_ppm, unsafe_ticks, spare_buy_lots, spare_sell_lots, amend_any, amend_smaller,
            overlap: as in `DiffRules` of ``diff.pxd``.

    Raises:
        IndexError: there is no such market.
        ValueError: too many levels.
    """
    cdef QuoteSet wanted
    cdef DiffRules rules
    cdef Action actions[MAX_ACTIONS]
    cdef int32_t index, count
    _read_wanted(table, market, bids, asks, &wanted)
    rules.tolerance_ticks, rules.tolerance_qty_ppm = tolerance_ticks, tolerance_qty_ppm
    rules.unsafe_ticks = unsafe_ticks
    rules.spare_buy_lots, rules.spare_sell_lots = spare_buy_lots, spare_sell_lots
    rules.amend_any, rules.amend_smaller, rules.overlap = amend_any, amend_smaller, overlap
    count = diff_quotes(table, market, &wanted, &rules, actions, MAX_ACTIONS)
    return [actions[index] for index in range(count)]


def diff_repeatedly(
    OrderTable table not None, int32_t market, list bids not None, list asks not None, int64_t times,
) -> int:
    """Compares that many times in compiled code, with amends and no tolerance, for measurements; the actions of all."""
    cdef QuoteSet wanted
    cdef DiffRules rules
    cdef Action actions[MAX_ACTIONS]
    cdef int64_t total = 0
    _read_wanted(table, market, bids, asks, &wanted)
    rules.tolerance_ticks = rules.tolerance_qty_ppm = rules.spare_buy_lots = rules.spare_sell_lots = 0
    rules.unsafe_ticks = <int64_t>1 << 40
    rules.amend_any, rules.amend_smaller, rules.overlap = True, False, False
    with nogil:
        for _ in range(times):
            total += diff_quotes(table, market, &wanted, &rules, actions, MAX_ACTIONS)
    return total
