"""Desired quotes against working orders: what is wanted comes about, by the fewest messages, at no extra risk."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from mmbot._core.diff import diff_market
from mmbot._core.orders import OrderTable
from mmbot._core.types import CommandKind, OrderEvent, OrderEventKind, OrderState, Purpose, Side, TimeInForce

AMPLE = 1 << 40
Level = tuple[int, int]


def rest(table: OrderTable, side: int, price: int, qty: int, filled: int = 0) -> int:
    """An acknowledged quote, partly filled."""
    slot = table.place(0, side, price, qty + filled, TimeInForce.GTX, False, Purpose.QUOTE, 0)
    say(table, OrderEventKind.ACK, slot)
    if filled:
        say(table, OrderEventKind.FILL, slot, last_qty_lots=filled, trade_id=slot + 1, last_price_ticks=price)
    return slot


def say(table: OrderTable, kind: int, slot: int, **fields: int) -> None:
    order = table.order(slot)
    table.apply_event(OrderEvent(kind=kind, market=0, order_num=order["num"], side=order["side"], **fields), 0)


def send(table: OrderTable, action: dict[str, int]) -> int:
    """Tells the table of an action as the engine does; the slot."""
    kind, slot = action["kind"], action["slot"]
    if kind == CommandKind.PLACE:
        return table.place(
            0, action["side"], action["price_ticks"], action["qty_lots"], TimeInForce.GTX, False, Purpose.QUOTE, 0
        )
    if kind == CommandKind.AMEND_ORDER:
        assert table.amend(slot, action["price_ticks"], action["qty_lots"], 0)
    else:
        assert table.cancel(slot, 0)
    return slot


def answer(table: OrderTable, action: dict[str, int], slot: int) -> None:
    """The venue does as it was told."""
    kind = action["kind"]
    if kind == CommandKind.PLACE:
        say(table, OrderEventKind.ACK, slot)
    elif kind == CommandKind.AMEND_ORDER:
        say(table, OrderEventKind.AMEND, slot, request=CommandKind.AMEND_ORDER)
    else:
        say(table, OrderEventKind.CANCEL, slot, cum_filled_lots=table.order(slot)["filled_lots"])


def working(table: OrderTable, side: int) -> list[Level]:
    orders = [table.order(slot) for slot in table.open_slots(0)]
    return sorted(
        (order["price_ticks"], order["qty_lots"] - order["filled_lots"]) for order in orders if order["side"] == side
    )


def near(order: Level, level: Level, ticks: int, ppm: int) -> bool:
    return abs(order[0] - level[0]) <= ticks and abs(order[1] - level[1]) * 1_000_000 <= ppm * level[1]


def fewest(orders: list[Level], levels: list[Level], ticks: int, ppm: int, amend: str) -> int:
    """Brute force: every way to give each order a level, or none."""
    if not orders:
        return len(levels)
    order, others = orders[0], orders[1:]
    best = 1 + fewest(others, levels, ticks, ppm, amend)
    for index, level in enumerate(levels):
        rest_levels = levels[:index] + levels[index + 1 :]
        if near(order, level, ticks, ppm):
            cost = 0
        elif amend == "any" or (amend == "smaller" and abs(order[0] - level[0]) <= ticks and level[1] < order[1]):
            cost = 1
        else:
            continue
        best = min(best, cost + fewest(others, rest_levels, ticks, ppm, amend))
    return best


def sides(low: int, high: int, *, best_first: bool) -> st.SearchStrategy[list[Level]]:
    level = st.tuples(st.integers(low, high), st.integers(1, 6))
    return st.lists(level, max_size=4, unique_by=lambda pair: pair[0]).map(
        lambda found: sorted(found, reverse=best_first)
    )


bids, asks = sides(90, 97, best_first=True), sides(103, 110, best_first=False)
resting = st.lists(st.tuples(st.integers(90, 97), st.integers(1, 6), st.integers(0, 2)), max_size=4)
resting_asks = st.lists(st.tuples(st.integers(103, 110), st.integers(1, 6), st.integers(0, 2)), max_size=4)
doings = st.sampled_from(["place", "amend", "cancel", "unknown", "quiet"])
ways = st.sampled_from(["any", "none"])


def flags(amend: str) -> dict[str, bool]:
    return {"amend_any": amend == "any", "amend_smaller": amend == "smaller"}


@settings(max_examples=400, deadline=None)
@given(bids, asks, resting, resting_asks, st.integers(0, 2), st.sampled_from([0, 300_000]), ways)
def test_brings_about_what_is_wanted_with_the_fewest_messages(  # noqa: PLR0917 - hypothesis fills them
    bids: list[Level],
    asks: list[Level],
    buys: list[tuple[int, int, int]],
    sells: list[tuple[int, int, int]],
    ticks: int,
    ppm: int,
    amend: str,
) -> None:
    table = OrderTable(1, capacity=64)
    for price, qty, filled in buys:
        rest(table, Side.BUY, price, qty, filled)
    for price, qty, filled in sells:
        rest(table, Side.SELL, price, qty, filled)
    expected = sum(
        fewest(working(table, side), wanted, ticks, ppm, amend)
        for side, wanted in ((Side.BUY, bids), (Side.SELL, asks))
    )
    rules = {"tolerance_ticks": ticks, "tolerance_qty_ppm": ppm, **flags(amend)}
    actions = diff_market(table, 0, bids, asks, spare_buy_lots=AMPLE, spare_sell_lots=AMPLE, **rules)
    assert len(actions) == expected
    kinds = [action["kind"] for action in actions]
    assert kinds == sorted(kinds, key=[CommandKind.CANCEL_ORDER, CommandKind.AMEND_ORDER, CommandKind.PLACE].index)
    slots = [send(table, action) for action in actions]
    assert diff_market(table, 0, bids, asks, spare_buy_lots=AMPLE, spare_sell_lots=AMPLE, **rules) == []
    for action, slot in zip(actions, slots, strict=True):
        answer(table, action, slot)
    assert diff_market(table, 0, bids, asks, spare_buy_lots=AMPLE, spare_sell_lots=AMPLE, **rules) == []
    for side, wanted in ((Side.BUY, bids), (Side.SELL, asks)):
        have = working(table, side)
        assert len(have) == len(wanted)
        assert fewest(have, wanted, ticks, ppm, "none") == 0


@settings(max_examples=300, deadline=None)
@given(bids, resting, st.sampled_from(["any", "none", "smaller"]), st.randoms(use_true_random=False))
def test_without_spare_room_exposure_never_exceeds_need(
    bids: list[Level], buys: list[tuple[int, int, int]], amend: str, random: object
) -> None:
    """Rounds of diff and late answers end in what is wanted, and the worst case never rises above before or need."""
    table = OrderTable(1, capacity=64)
    for price, qty, filled in buys:
        rest(table, Side.BUY, price, qty, filled)
    bound = max(table.exposure_of(0)["buy_lots"], sum(qty for _, qty in bids))
    pending: list[tuple[dict[str, int], int]] = []
    for _ in range(60):
        actions = diff_market(table, 0, bids, [], **flags(amend))
        pending += [(action, send(table, action)) for action in actions]
        assert table.exposure_of(0)["buy_lots"] <= bound
        if pending:
            answer(table, *pending.pop(random.randrange(len(pending))))  # type: ignore[attr-defined]
            bound = max(table.exposure_of(0)["buy_lots"], sum(qty for _, qty in bids))
    assert working(table, Side.BUY) == sorted(bids)


@settings(max_examples=300, deadline=None)
@given(bids, resting, st.lists(doings, min_size=4, max_size=4))
def test_what_is_in_flight_is_only_waited_for_or_canceled(
    bids: list[Level], buys: list[tuple[int, int, int]], doings: list[str]
) -> None:
    table = OrderTable(1, capacity=64)
    frozen = set()
    for (price, qty, filled), doing in zip(buys, doings, strict=False):
        if doing in ("place", "unknown"):
            slot = table.place(0, Side.BUY, price, qty, TimeInForce.GTX, False, Purpose.QUOTE, 0)
            if doing == "unknown":
                say(table, OrderEventKind.LOST, slot, request=CommandKind.PLACE)
                assert table.order(slot)["state"] == OrderState.UNKNOWN
        else:
            slot = rest(table, Side.BUY, price, qty, filled)
            if doing == "amend":
                table.amend(slot, price + 1, qty + filled, 0)
            elif doing == "cancel":
                table.cancel(slot, 0)
        if doing != "quiet":
            frozen.add(slot)
    for action in diff_market(table, 0, bids, []):
        assert action["slot"] not in frozen or (action["kind"] == CommandKind.CANCEL_ORDER and not bids)
