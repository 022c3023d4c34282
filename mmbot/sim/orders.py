"""One order of a user, and the book of all of a venue's orders with their history."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mmbot.sim.instruments import SimInstrument
    from mmbot.sim.users import User

OPEN = frozenset({"NEW", "PARTIALLY_FILLED"})
HISTORY = 2_000
"""Orders kept per user; older ones that work no longer are forgotten, as the real venue forgets them after days.

Twice as many as one request may ask for. Each takes about 1 kB, and 56 bytes for each of its amendments.
"""

CHANGES = 100
"""Amendments of an order that are remembered: as many as one request may ask for."""


@dataclass(frozen=True, slots=True)
class Amendment:
    """One change of a working order: price and whole quantity, before and after; `count` is how many it had by then."""

    number: int
    count: int
    time_ms: int
    price_ticks: tuple[int, int]
    qty_lots: tuple[int, int]


class Amendments:
    """The latest `CHANGES` amendments of an order, oldest first, as plain numbers: a bot makes thousands a minute."""

    __slots__ = ("_numbers",)

    def __init__(self) -> None:
        self._numbers = array("q")

    def note(self, change: Amendment) -> None:
        """Remember one more, and forget the oldest if there are too many."""
        self._numbers.extend((change.number, change.count, change.time_ms, *change.price_ticks, *change.qty_lots))
        del self._numbers[: -7 * CHANGES]

    def __iter__(self) -> Iterator[Amendment]:
        """Iterate from the oldest."""
        for at in range(0, len(self._numbers), 7):
            number, count, time_ms, old_ticks, new_ticks, old_lots, new_lots = self._numbers[at : at + 7]
            yield Amendment(number, count, time_ms, (old_ticks, new_ticks), (old_lots, new_lots))


@dataclass(slots=True, eq=False)
class SimOrder:
    """An order as the exchange knows it; quantities in lots, prices in ticks, money in 1e-8.

    Attributes:
        quote_e8: cumulative traded value.
        release_ns: with slow matching, when it reaches the book; 0: it has.
        good_till_ms: when it expires by itself; 0: never.
        price_match: how its price was taken from the book; NONE: it was stated.
        changes: the latest amendments, of `amended` in all.
        liquidation: placed by the exchange to close a position.
    """

    order_id: int
    client_id: str
    user: User
    instrument: SimInstrument
    side: int
    kind: str
    time_in_force: str
    price_ticks: int
    qty_lots: int
    time_ms: int
    reduce_only: bool = False
    self_trade: str = "EXPIRE_MAKER"
    status: str = "NEW"
    filled_lots: int = 0
    quote_e8: int = 0
    update_ms: int = 0
    release_ns: int = 0
    liquidation: bool = False
    fills: list[Fill] = field(default_factory=list)
    changes: Amendments = field(default_factory=Amendments)
    amended: int = 0
    good_till_ms: int = 0
    price_match: str = "NONE"

    @property
    def left_lots(self) -> int:
        """What has not traded."""
        return self.qty_lots - self.filled_lots

    @property
    def open(self) -> bool:
        """Whether it is working."""
        return self.status in OPEN

    @property
    def average_e8(self) -> int:
        """Average fill price, 0 before the first fill."""
        return self.quote_e8 * 100_000_000 // (self.filled_lots * self.instrument.lot_e8) if self.filled_lots else 0


@dataclass(frozen=True, slots=True)
class Fill:
    """One trade from the view of one of its sides; exact. It outlives what is remembered of its order.

    Attributes:
        fee_e8: paid when positive, in `fee_asset`.
        realized_e8: PnL realised by it (futures).
    """

    trade_id: int
    order_id: int
    client_id: str
    instrument: SimInstrument
    side: int
    price_ticks: int
    qty_lots: int
    quote_e8: int
    fee_e8: int
    fee_asset: str
    realized_e8: int
    maker: bool
    time_ms: int


class OrderBook:
    """All orders of all users of one venue: found by id, or by client id (the newest of that name wins)."""

    def __init__(self) -> None:
        self._by_id: dict[int, SimOrder] = {}
        self._by_client: dict[tuple[int, str, str], SimOrder] = {}
        self._open: dict[int, dict[int, SimOrder]] = {}
        self._history: dict[int, dict[int, SimOrder]] = {}

    def add(self, order: SimOrder) -> None:
        """File a new order."""
        self._by_id[order.order_id] = order
        self._by_client[order.user.index, order.instrument.symbol, order.client_id] = order
        self._open.setdefault(order.user.index, {})[order.order_id] = order
        history = self._history.setdefault(order.user.index, {})
        history[order.order_id] = order
        if len(history) > HISTORY:
            self._forget(next(each for each in history.values() if not each.open))

    def _forget(self, order: SimOrder) -> None:
        del self._history[order.user.index][order.order_id]
        del self._by_id[order.order_id]
        key = (order.user.index, order.instrument.symbol, order.client_id)
        if self._by_client.get(key) is order:
            del self._by_client[key]

    def closed(self, order: SimOrder) -> None:
        """The order is working no longer."""
        self._open[order.user.index].pop(order.order_id, None)

    def by_id(self, order_id: int) -> SimOrder | None:
        """Any order that is still remembered."""
        return self._by_id.get(order_id)

    def find(self, user: User, symbol: str, order_id: int | None, client_id: str | None) -> SimOrder | None:
        """A user's order by id (which wins) or client id."""
        if order_id is not None:
            order = self._by_id.get(order_id)
            return order if order is not None and order.user is user and order.instrument.symbol == symbol else None
        return self._by_client.get((user.index, symbol, client_id or ""))

    def open_of(self, user: User, symbol: str | None = None) -> list[SimOrder]:
        """A user's working orders, oldest first."""
        return [
            order
            for order in self._open.get(user.index, {}).values()
            if symbol is None or order.instrument.symbol == symbol
        ]

    def n_open(self, user: User, symbol: str) -> int:
        """How many orders a user has working on a symbol."""
        return sum(1 for order in self._open.get(user.index, {}).values() if order.instrument.symbol == symbol)

    def history_of(self, user: User, symbol: str) -> Iterator[SimOrder]:
        """All remembered orders of a user on a symbol, oldest first."""
        return (order for order in self._history.get(user.index, {}).values() if order.instrument.symbol == symbol)
