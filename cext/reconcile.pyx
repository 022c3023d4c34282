"""Compares what we believe with what the venue says; see ``reconcile.pxd``.

An answer is a picture of a moment while orders and fills go on. A market whose fills moved between question and answer
is not compared: the question is asked again. One difference may be the fault of the moment (a fill on its way), so a
holding counts as wrong when two looks, with no fill between them, find the same difference.
"""

from libc.stdint cimport int32_t, int64_t, uint64_t

from mmbot._core.execution cimport Execution
from mmbot._core.market cimport Market
from mmbot._core.order_store cimport ended
from mmbot._core.orders cimport Order
from mmbot._core.types cimport OrderEvent, Owner, Purpose

CONFIRMATIONS = 2


cdef class Reconciler:
    """Open orders and holdings of all markets, ours against the venue's.

    Args:
        execution: working orders.
        markets: all markets of the engine.
        baselines: by market index, the holding known to lie outside the bot's own trades (1e-8 base units; inverse:
            contracts); a market that is not named takes its baseline from the first picture.
    """

    def __init__(self, Execution execution, tuple markets, dict baselines):
        self.execution, self.markets = execution, markets
        for index, amount in baselines.items():
            self.baseline_e8[<int>index], self.has_baseline[<int>index] = amount, 1

    cdef void touch(self, int32_t market, uint64_t event_seq) noexcept nogil:
        self.activity[market] = event_seq

    cdef int64_t expected(self, Market market) noexcept:
        """What the venue should show beyond the baseline: fills, less fees taken in the base asset."""
        if market.lot_e8 == 0:
            return market.position.lots
        return market.position.lots * market.lot_e8 - market.base_fees_e8

    def holding_of(self, int market) -> tuple[int, int, int]:
        """Of one market: the venue's last difference from us, how many looks in a row found it, and the baseline."""
        return self._difference[market], self.mismatches[market], self.baseline_e8[market]

    def baselines(self) -> dict[int, int]:
        """The baselines in force, by market index."""
        return {i: self.baseline_e8[i] for i in range(len(self.markets)) if self.has_baseline[i]}

    def compare(self, dict picture, int64_t ts_ns) -> tuple[bool, list[str]]:
        """Take in one venue's picture.

        Args:
            picture: ``asked_seq`` and ``asked_ns`` (number and time of the last event before the question), ``orders``
                (lists of `OrderEvent` fields, kind STATUS), ``holdings`` (lists of [market, amount, entry price text]).
            ts_ns: time of the event.

        Returns:
            Whether it was conclusive for every market in it, and texts for the log.
        """
        cdef Market market
        cdef uint64_t asked = picture["asked_seq"]
        cdef int64_t asked_ns = picture["asked_ns"]
        cdef set listed = set()
        cdef list notes = []
        cdef bint conclusive = True
        self.rounds += 1
        for fields in picture["orders"]:
            if self._listed_order(OrderEvent(**fields), asked_ns, ts_ns, listed, notes):
                conclusive = False
        for index, amount, entry_price in picture["holdings"]:
            market = self.markets[index]
            self._missing_orders(market, listed, asked_ns, ts_ns, notes)
            if self.activity[market.index] > asked or self.execution.table.exposure(market.index).missing_lots:
                self.inconclusive += 1
                conclusive = False
            elif not self._holding(market, amount, entry_price, asked, notes):
                conclusive = False
        self.mismatch = 0
        for item in self.markets:
            market = item
            if self.mismatches[market.index] >= CONFIRMATIONS:
                self.mismatch = max(self.mismatch, abs(self._difference[market.index]))
        return conclusive, notes

    cdef int _listed_order(self, OrderEvent event, int64_t asked_ns, int64_t ts_ns, set listed, list notes) except -1:
        """Take in one open order; 1: it should not be open, and is being canceled."""
        cdef int32_t slot
        if event.data.owner == Owner.OURS:
            listed.add(event.data.order_num)
            slot = self.execution.table.find(event.data.order_num)
            if slot >= 0 and self.execution.table.at(slot).last_update_ns >= asked_ns:
                return 0        # what we know is newer
            if slot >= 0 and not ended(self.execution.table.at(slot)):
                self.execution.table.apply(&event.data, ts_ns)
                return 0
            self.strays += 1
            self.execution.cancel_stray(&event.data)
            notes.append(
                f"market {event.data.market}: order {event.data.order_num} is open at the venue, not here: canceling it"
            )
            return 1
        elif event.data.owner == Owner.OURS_BEFORE:
            slot = self.execution.table.find_venue(event.data.market, event.data.venue_order_id)
            if slot < 0:
                slot = self.execution.table.adopt(&event.data, ts_ns)
                self.orphans += 1
                notes.append(
                    f"market {event.data.market}: canceling order {event.data.venue_order_id} of an earlier session"
                )
            if slot >= 0:
                listed.add(self.execution.table.at(slot).num)
                self.execution.cancel(slot)
        return 0

    cdef int _missing_orders(self, Market market, set listed, int64_t asked_ns, int64_t ts_ns, list notes) except -1:
        """An order open since before the question, which the venue does not list, is in doubt: ask for it by name."""
        cdef int32_t slot, following
        cdef Order* order
        for side in range(2):
            slot = self.execution.table.first(market.index, side)
            while slot >= 0:
                order = self.execution.table.at(slot)
                following = order.next
                if order.num not in listed and order.request_ns < asked_ns and order.last_update_ns < asked_ns:
                    self.execution.table.suspect(slot, ts_ns)
                    self.suspected += 1
                    notes.append(f"{market.id}: order {order.num} is not among the venue's open orders, asking for it")
                slot = following
        return 0

    cdef bint _holding(self, Market market, int64_t amount, object entry_price, uint64_t asked, list notes) except -1:
        cdef int i = market.index
        cdef int64_t difference
        if not self.has_baseline[i] and not self._adopt(market, amount, entry_price, notes):
            return False
        difference = amount - self.baseline_e8[i] - self.expected(market)
        if difference == 0:
            self.mismatches[i], self._difference[i] = 0, 0
            return True
        same = difference == self._difference[i] and self.activity[i] <= self._looked[i]
        self.mismatches[i] = self.mismatches[i] + 1 if same else 1
        self._difference[i], self._looked[i] = difference, asked
        notes.append(
            f"{market.id}: the venue holds {amount}, expected {amount - difference} "
            f"(1e-8 base units; inverse: contracts); look {self.mismatches[i]} of {CONFIRMATIONS}"
        )
        return False

    cdef bint _adopt(self, Market market, int64_t amount, object entry_price, list notes) except -1:
        """First sight of a holding nobody accounts for: a balance is left alone, a perpetual's position is ours."""
        cdef int64_t extra = amount - self.expected(market)
        cdef int64_t lots, price_ticks
        if not market.instrument.perpetual:
            self.baseline_e8[market.index], self.has_baseline[market.index] = extra, 1
            return True
        if extra != 0:
            if not market.trusted:
                return False        # its value is not known yet: look again
            lots = extra // market.lot_e8 if market.lot_e8 > 0 else extra
            market.position.set_from_venue(market.position.lots + lots, entry_price)
            price_ticks = market.bid_ticks
            market.pnl.on_fill(0 if lots > 0 else 1, price_ticks, abs(lots), 2 * price_ticks, Purpose.FLATTEN)
            notes.append(f"{market.id}: took over a position of {lots} lots, entered at {entry_price}")
        self.has_baseline[market.index] = 1
        return True
