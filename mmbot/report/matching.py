"""Which fills of two runs of one session are the same fill, and why the others have no partner.

Fills of one market and purpose are paired in order of time, what agrees most first: side, price and quantity within a
moment; then within longer times, up to the window; then without the quantity; then without the price.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mmbot._core.types import OrderState, Purpose, Side
from mmbot.report.attribution import signed_lots

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmbot.report.run import MarketFacts, RunData

SAME_NS = 1_000_000
"""Venues tell times in whole milliseconds."""
_FOREVER = np.iinfo(np.int64).max
_KEYS = (("side", "price_ticks", "qty_lots"), ("side", "price_ticks"), ("side",))
FOLLOWS_NS = 200_000_000
_ASKED = np.dtype([("ts_ns", "i8"), ("side", "i1"), ("price_ticks", "i8"), ("qty_lots", "i8")])


def pair_up(a: NDArray[Any], b: NDArray[Any], window_ns: int) -> list[tuple[int, int]]:
    """Places of fills that belong together; each is used once."""
    free_a, free_b = np.ones(len(a), bool), np.ones(len(b), bool)
    pairs: list[tuple[int, int]] = []
    for key in _KEYS:
        for limit_ns in sorted({min(SAME_NS, window_ns), window_ns // 20, window_ns}):
            groups = _groups(b, free_b, key)
            for value, mine in _groups(a, free_a, key).items():
                for i, j in _in_order(a["exch_ts_ns"], mine, b["exch_ts_ns"], groups.get(value, []), limit_ns):
                    free_a[i] = free_b[j] = False
                    pairs.append((i, j))
    return sorted(pairs)


def pair_quotes(a: NDArray[Any], b: NDArray[Any], window_ns: int) -> list[tuple[int, int]]:
    """Places of rows of `Lives.asked` that are the same quote: side, price and quantity within the window."""
    pairs: list[tuple[int, int]] = []
    groups = _groups(b, np.ones(len(b), bool), _KEYS[0])
    for value, mine in _groups(a, np.ones(len(a), bool), _KEYS[0]).items():
        pairs += _in_order(a["ts_ns"], mine, b["ts_ns"], groups.get(value, []), window_ns)
    return sorted(pairs)


def _groups(fills: NDArray[Any], free: NDArray[np.bool_], key: tuple[str, ...]) -> dict[tuple[int, ...], list[int]]:
    groups: dict[tuple[int, ...], list[int]] = {}
    places = np.flatnonzero(free)
    columns = [fills[name][places].tolist() for name in key]
    for place, *value in zip(places.tolist(), *columns, strict=True):
        groups.setdefault(tuple(value), []).append(place)
    return groups


def _in_order(
    ta: NDArray[np.int64], mine: list[int], tb: NDArray[np.int64], theirs: list[int], limit_ns: int
) -> list[tuple[int, int]]:
    """Pair two lists in order of time, at most `limit_ns` apart."""
    pairs, j = [], 0
    for i in mine:
        while j < len(theirs) and tb[theirs[j]] < ta[i] - limit_ns:
            j += 1
        if j < len(theirs) and tb[theirs[j]] <= ta[i] + limit_ns:
            pairs.append((i, theirs[j]))
            j += 1
    return pairs


def _start_lots(run: RunData, market: MarketFacts) -> int:
    state = run.of("state", market)
    return int(state["position_lots"][0]) if len(state) else 0


class Lives:
    """What the orders of one market asked for, and from when to when.

    Args:
        run: whose.
        market: which.
    """

    def __init__(self, run: RunData, market: MarketFacts) -> None:
        orders, terms = run.of("orders", market), run.of("terms", market)
        self.orders = orders[np.argsort(orders["order_id"], kind="stable")]
        terms = terms[np.lexsort((terms["ts_ns"], terms["order_id"]))]
        place = np.searchsorted(self.orders["order_id"], terms["order_id"])
        self.order = place
        own = self.orders[np.minimum(place, max(len(self.orders) - 1, 0))] if len(self.orders) else orders[:0]
        first = np.concatenate([[True], terms["order_id"][1:] != terms["order_id"][:-1]])[: len(terms)]
        last = np.concatenate([first[1:], [True]])[: len(terms)]
        ended = np.where(own["ended_ns"] > 0, own["ended_ns"], _FOREVER)
        self.first = first
        self.start = np.where(first & (own["arrived_ns"] > 0), own["arrived_ns"], terms["ts_ns"])
        self.end = np.where(last, ended, np.concatenate([terms["ts_ns"][1:], [_FOREVER]])[: len(terms)])
        self.price, self.side, self.purpose = terms["price_ticks"], own["side"], own["purpose"]
        self.terms = terms
        self.fills, self.start_lots = run.of("fills", market), _start_lots(run, market)
        self.held = np.cumsum(signed_lots(self.fills))

    def asked(self) -> NDArray[Any]:
        """What was asked for by quotes, in order of time: ``ts_ns``, ``side``, ``price_ticks``, ``qty_lots``."""
        quotes = self.purpose == Purpose.QUOTE
        rows = np.zeros(int(quotes.sum()), _ASKED)
        rows["side"] = self.side[quotes]
        for name in ("ts_ns", "price_ticks", "qty_lots"):
            rows[name] = self.terms[name][quotes]
        return np.sort(rows, order="ts_ns", kind="stable")

    def position(self, at_ns: int) -> int:
        """Lots held just before a time of the venue."""
        done = int(np.searchsorted(self.fills["exch_ts_ns"], at_ns))
        return self.start_lots + (int(self.held[done - 1]) if done else 0)

    def arrived_ns(self, order_id: int) -> int:
        """The venue's time of an order's acceptance; 0 when it is not known."""
        place = int(np.searchsorted(self.orders["order_id"], order_id))
        if place < len(self.orders) and self.orders["order_id"][place] == order_id:
            return int(self.orders["arrived_ns"][place])
        return 0


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a fill of one run has no partner in the other: a code to count by, and what was found."""

    code: str
    text: str


REASONS = {
    "follows": "a hedge of a fill that only this run has",
    "queue": "the other's order stood at this price, and its queue ahead had not traded away",
    "price": "the other's orders on this side stood at other prices",
    "late": "the other's order at this price arrived later",
    "gone": "the other's order at this price had ended before",
    "no_order": "the other had no order on this side",
    "not_looked_at": "not looked at: too many",
    "time": "the same fill at another time",
    "quantity": "the same fill with another quantity",
    "at_price": "filled in both at about the same time, at other prices",
}


def explain(fill: np.void, other: Lives, other_name: str, tick: float, window_ns: int) -> Reason:
    """Say what the other run's orders did when this fill happened.

    Args:
        fill: a row of FILLS that only one run has.
        other: orders of the other run on the same market.
        other_name: what to call it.
        tick: price of a tick, for the text.
        window_ns: how far before or after an order at this price still counts as its counterpart.
    """
    at, price = int(fill["exch_ts_ns"]), int(fill["price_ticks"])
    kind = (other.side == fill["side"]) & ((other.purpose == Purpose.QUOTE) == (fill["purpose"] == Purpose.QUOTE))
    alive = kind & (other.start <= at) & (other.end >= at)
    here = np.flatnonzero(alive & (other.price == price))
    if len(here):
        return _queue(int(here[0]), other, other_name, at)
    near = kind & (other.price == price)
    late = np.flatnonzero(near & (other.start > at) & (other.start <= at + window_ns))
    if len(late):
        by_ms = (int(other.start[late].min()) - at) / 1e6
        return Reason("late", f"{other_name}'s order at this price arrived {by_ms:.1f} ms after")
    gone = np.flatnonzero(near & (other.end < at) & (other.end >= at - window_ns))
    if len(gone):
        place = int(gone[np.argmax(other.end[gone])])
        return Reason("gone", _gone(place, other, other_name, at))
    if alive.any():
        prices = other.price[alive]
        best = int(prices.max() if fill["side"] == Side.BUY else prices.min())
        away = (best - price) if fill["side"] == Side.BUY else (price - best)
        word = "nearer the market" if away > 0 else "further away"
        return Reason("price", f"{other_name}'s best order stood at {best * tick:g}, {abs(away)} ticks {word}")
    return Reason("no_order", f"{other_name} had no order on this side")


def _queue(place: int, other: Lives, name: str, at: int) -> Reason:
    order = other.orders[other.order[place]]
    since_ms = (at - int(other.start[place])) / 1e6
    front = float(order["front_lots"])
    ahead = f", {front:g} lots ahead of it on arrival" if other.first[place] and not np.isnan(front) else ""
    return Reason("queue", f"{name}'s order had stood at this price for {since_ms:.1f} ms{ahead}; not its turn yet")


def _gone(place: int, other: Lives, name: str, at: int) -> str:
    order = other.orders[other.order[place]]
    before_ms = (at - int(other.end[place])) / 1e6
    last = int(other.end[place]) == int(order["ended_ns"])
    how = OrderState(order["state"]).name.lower().replace("_", " ") if last else "amended away"
    return f"{name}'s order at this price was {how} {before_ms:.1f} ms before"
