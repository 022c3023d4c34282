"""The L3 book against plain queues, whatever the orders."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from plain_l3 import PlainL3

from mmbot._core.l3 import L3Book

IDS = st.one_of(st.integers(1, 30), st.sampled_from([-1, 2**62, -(2**63), 1024, 2048, 1 << 32]))
OWN_IDS = st.integers(1, 6)
SIDES = st.integers(0, 1)
PRICES = st.one_of(st.integers(-3, 5), st.sampled_from([2**61 - 1, -(2**61) + 1]))
QTYS = st.integers(1, 20)


class L3Machine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.book, self.plain = L3Book(), PlainL3()
        self.prices = {(0, 0)}

    def expect(self, changes: int, before: dict[tuple[int, int], int], *, known: bool) -> None:
        """The changes answered are those that the plain queues show."""
        assert (changes >= 0) == known
        after = {at: self.plain.level(*at) for at in self.prices}
        told = {(side, price): (prev, new) for side, price, prev, new in self.book.last_changes[: max(changes, 0)]}
        assert all(before.get(at, 0) == prev and after[at] == new for at, (prev, new) in told.items())
        assert {at for at in after if after[at] != before.get(at, 0)} <= told.keys()

    def levels(self) -> dict[tuple[int, int], int]:
        return {at: self.plain.level(*at) for at in self.prices}

    @rule(order_id=IDS, side=SIDES, price=PRICES, qty=QTYS)
    def add(self, order_id: int, side: int, price: int, qty: int) -> None:
        self.prices.add((side, price))
        before = self.levels()
        known = self.plain.add(order_id, side, price, qty)
        self.expect(self.book.add(order_id, side, price, qty), before, known=known)

    @rule(order_id=IDS)
    def cancel(self, order_id: int) -> None:
        before = self.levels()
        known = self.plain.cancel(order_id)
        self.expect(self.book.cancel(order_id), before, known=known)

    @rule(order_id=IDS, price=PRICES, qty=QTYS)
    def modify(self, order_id: int, price: int, qty: int) -> None:
        self.prices |= {(0, price), (1, price)}
        before = self.levels()
        known = self.plain.modify(order_id, price, qty)
        self.expect(self.book.modify(order_id, price, qty), before, known=known)

    @rule(order_id=IDS, offset=st.integers(-2, 2), qty=QTYS, reduces=st.booleans())
    def fill(self, order_id: int, offset: int, qty: int, reduces: bool) -> None:
        before = self.levels()
        order = self.plain.orders.get(order_id)
        price = max(min((order.price if order else 0) + offset, 2**61 - 1), -(2**61) + 1)
        executed = self.plain.fill(order_id, price, qty, reduces=reduces)
        self.expect(self.book.fill(order_id, price, qty, reduces), before, known=executed is not None)
        assert self.book.executed_ids == (executed or [])

    @rule(side=SIDES)
    def clear(self, side: int) -> None:
        self.plain.clear(side)
        self.book.clear(side)

    @rule(order_id=OWN_IDS, side=SIDES, price=PRICES, qty=QTYS)
    def own_add(self, order_id: int, side: int, price: int, qty: int) -> None:
        assert (self.book.own_add(order_id, side, price, qty) == 0) == self.plain.add(
            order_id, side, price, qty, own=True
        )

    @rule(order_id=OWN_IDS)
    def own_cancel(self, order_id: int) -> None:
        assert (self.book.own_cancel(order_id) == 0) == self.plain.cancel(order_id, own=True)

    @rule(order_id=OWN_IDS, price=PRICES, qty=QTYS)
    def own_modify(self, order_id: int, price: int, qty: int) -> None:
        assert (self.book.own_modify(order_id, price, qty) == 0) == self.plain.modify(order_id, price, qty, own=True)

    @invariant()
    def same(self) -> None:
        assert self.book.n_own == len(self.plain.own)
        for order_id in range(1, 7):
            assert self.book.own_ahead(order_id) == self.plain.ahead(order_id)
        for at in self.prices:
            assert self.book.level_lots(*at) == self.plain.level(*at)


L3Machine.TestCase.settings = settings(max_examples=120, stateful_step_count=60, deadline=None)
TestL3 = L3Machine.TestCase
