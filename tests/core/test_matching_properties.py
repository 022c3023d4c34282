"""The matching engine against sorted lists, whatever the orders."""

from __future__ import annotations

from typing import ClassVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from plain_matching import PlainMatching

from mmbot._core.matching import MatchingEngine

NEAR = st.integers(90, 110)
PRICES = st.one_of(NEAR, NEAR, st.sampled_from([1, 50, 99, 101, 5_000, 2**40]))
QTYS = st.one_of(st.integers(1, 5), st.integers(1, 10**12))
SIDES = st.integers(0, 1)
OWNERS = st.integers(0, 3)
FORCES = st.integers(0, 3)
MODES = st.integers(0, 3)


class Matching(RuleBasedStateMachine):
    """Both engines take the same orders; everything observable stays equal."""

    capacity: ClassVar[int] = 2  # so that every pool has to grow

    def __init__(self) -> None:
        super().__init__()
        self.engine = MatchingEngine(self.capacity)
        self.plain = PlainMatching()
        self.next_id = 1
        self.bids: dict[int, int] = {}
        self.asks: dict[int, int] = {}

    def check(self, outcome: int, expected: int) -> None:
        assert outcome == expected
        assert self.engine.n_fills == len(self.plain.fills)
        assert self.engine.take_fills() == self.plain.fills
        assert self.engine.take_expiries() == self.plain.expiries
        assert self.engine.take_fills() == []

    @rule(owner=OWNERS, side=SIDES, price=PRICES, qty=QTYS, force=FORCES, mode=MODES)
    def place(self, *, owner: int, side: int, price: int, qty: int, force: int, mode: int) -> None:
        outcome = self.engine.place(self.next_id, owner, side, price, qty, time_in_force=force, self_trade=mode)
        self.check(outcome, self.plain.place(self.next_id, owner, side, price, qty, tif=force, stp=mode))
        assert self.engine.left_lots == self.plain.left
        self.next_id += 1

    @rule(owner=OWNERS, side=SIDES, qty=QTYS, mode=MODES)
    def market(self, owner: int, side: int, qty: int, mode: int) -> None:
        outcome = self.engine.place(-self.next_id, owner, side, 0, qty, time_in_force=1, self_trade=mode)
        self.check(outcome, self.plain.place(-self.next_id, owner, side, 0, qty, tif=1, stp=mode))
        self.next_id += 1

    @precondition(lambda self: self.plain.orders)
    @rule(data=st.data(), price=PRICES, left=QTYS, force=FORCES, mode=MODES, keep=st.booleans(), same=st.booleans())
    def amend(
        self,
        *,
        data: st.DataObject,
        price: int,
        left: int,
        force: int,
        mode: int,
        keep: bool,
        same: bool,
    ) -> None:
        order = data.draw(st.sampled_from(self.plain.orders))
        if same:
            price, left = order.price, min(left, order.left)
        outcome = self.engine.amend(
            order.order_id,
            price,
            left,
            time_in_force=force,
            self_trade=mode,
            keep_priority=keep,
        )
        self.check(outcome, self.plain.amend(order.order_id, price, left, tif=force, stp=mode, keep=keep))

    @precondition(lambda self: self.plain.orders)
    @rule(data=st.data())
    def duplicate(self, data: st.DataObject) -> None:
        order_id = data.draw(st.sampled_from(self.plain.orders)).order_id
        self.check(self.engine.place(order_id, 1, 0, 100, 1), self.plain.place(order_id, 1, 0, 100, 1, tif=0, stp=0))

    @rule(data=st.data(), unknown=st.integers(10**6, 10**7))
    def cancel(self, data: st.DataObject, unknown: int) -> None:
        ids = [order.order_id for order in self.plain.orders]
        order_id = data.draw(st.sampled_from([*ids, unknown]))
        assert self.engine.cancel(order_id) == self.plain.cancel(order_id)

    @invariant()
    def same_book(self) -> None:
        assert self.engine.n_orders == len(self.plain.orders)
        self.engine.take_changes(self.bids, self.asks)
        for side, seen in ((0, self.bids), (1, self.asks)):
            levels = self.plain.levels(side)
            assert self.engine.levels(side) == levels
            assert self.engine.levels(side, 2) == levels[:2]
            # What the change log told adds up to the book.
            assert {price: lots for price, lots in seen.items() if lots} == dict(levels)
            assert self.engine.best()[2 * side :][:2] == (levels[0] if levels else (0, 0))
            for price, _ in levels[:3]:
                queue = [o for o in self.plain.side(side) if o.price == price]
                assert self.engine.queue(side, price) == [(o.order_id, o.owner, o.left) for o in queue]
                for order in queue:
                    assert self.engine.find(order.order_id) == (order.owner, side, price, order.left)


TestMatching = Matching.TestCase
TestMatching.settings = settings(max_examples=80, stateful_step_count=60, deadline=None)
