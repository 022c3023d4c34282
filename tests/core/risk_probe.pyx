"""A module as a user or the engine would write it, against the shipped contracts only."""
from libc.stdint cimport int64_t
from libc.string cimport memset

from mmbot._core.exact cimport div_half_even, int128, saturate64, scale_e8
from mmbot._core.gate cimport ApprovedOrder, OrderIntent, RiskGate
from mmbot._core.pnl cimport PnlAttribution
from mmbot._core.position cimport Position
from mmbot._core.types cimport Command


cdef OrderIntent quote(int64_t qty_lots):
    return OrderIntent(0, 1, 0, 600_000, qty_lots, 0, 0, 0, 0, 0)


def half_even(numerator, denominator):
    return div_half_even(<int128>numerator, <int128>denominator)


def saturate(value):
    return saturate64(<int128>value)


def scale(value, int64_t num, den):
    return scale_e8(<int128>value, num, <int128>den)


def position_e8(Position position, int64_t mark_ticks):
    return position.realized_e8(), position.unrealized_e8(mark_ticks), position.total_e8(mark_ticks)


def entry_ticks(Position position):
    return position.entry_ticks()


def pnl_e8(PnlAttribution pnl):
    return pnl.spread_e8(), pnl.hedge_e8(), pnl.inventory_e8(), pnl.total_e8()


def redeem_forged(RiskGate gate, int byte):
    cdef ApprovedOrder ticket
    cdef Command command
    memset(&ticket, byte, sizeof(ticket))
    return gate.redeem(&ticket, &command)


def redeem_refused(RiskGate gate):
    cdef ApprovedOrder ticket
    cdef Command command
    cdef OrderIntent intent = quote(10**9)
    assert gate.approve(&intent, &ticket) != 0
    return gate.redeem(&ticket, &command)


def redeem_twice(RiskGate gate):
    cdef ApprovedOrder ticket
    cdef Command command
    cdef OrderIntent intent = quote(1)
    assert gate.approve(&intent, &ticket) == 0
    return gate.redeem(&ticket, &command), gate.redeem(&ticket, &command)


def redeem_outdated(RiskGate gate, int64_t next_qty_lots):
    cdef ApprovedOrder old, new
    cdef Command command
    cdef OrderIntent first = quote(1), second = quote(next_qty_lots)
    assert gate.approve(&first, &old) == 0
    gate.approve(&second, &new)
    return gate.redeem(&old, &command)


def redeem_elsewhere(RiskGate gate, RiskGate other):
    cdef ApprovedOrder ticket, own
    cdef Command command
    cdef OrderIntent intent = quote(1)
    assert gate.approve(&intent, &ticket) == 0 and other.approve(&intent, &own) == 0
    return other.redeem(&ticket, &command)


def redeem_after_tampering(RiskGate gate):
    """The intent changes after its approval: the command is what was checked."""
    cdef ApprovedOrder ticket
    cdef Command command
    cdef OrderIntent intent = quote(1)
    assert gate.approve(&intent, &ticket) == 0
    intent.qty_lots, intent.price_ticks = 999, 1
    assert gate.redeem(&ticket, &command) == 0
    return command.qty_lots, command.price_ticks
