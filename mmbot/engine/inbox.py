"""The door between the outside and the core: stamps what comes in, sends what comes out, inside one callback."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mmbot._core.engine import Engine
    from mmbot._core.strategy import Fill
    from mmbot._core.types import OrderEvent
    from mmbot.assembly import Assembly
    from mmbot.venues.base import Venue

encode = msgspec.json.encode
SAME_FUNDING_NS = 5_000_000_000
FUNDINGS_KEPT = 64


class Keeper(Protocol):
    """Who remembers what happened, and must not raise."""

    def fills(self, fills: list[Fill]) -> None:
        """Orders were filled."""

    def ended(self, orders: list[dict[str, int]]) -> None:
        """Orders have ended; every field of each."""

    def funding(self, market: int, amount_e8: int, asset: int, ts_ns: int) -> None:
        """Funding was received (> 0) or paid."""

    def balance(self, venue: int, asset: int, wallet_e8: int, ts_ns: int) -> None:
        """A venue stated a wallet."""


class Inbox:
    """Every event of a session passes through here, and every command leaves through `flush`.

    Args:
        assembly: the engine and its names.
        venues: connectors, by venue index.
        keeper: told what is to be remembered, after an event's commands have left.
        clock: UTC nanoseconds.
    """

    def __init__(
        self,
        assembly: Assembly,
        venues: Sequence[Venue],
        keeper: Keeper,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self.assembly = assembly
        self.engine: Engine = assembly.engine
        self.clock = clock
        self.keeper = keeper
        self.engine.order_flow.keep_ended = True
        self.reconcile_wanted: Callable[[int], None] = lambda _venue: None
        self.trading_up = [False] * len(venues)
        self.times_up = [0] * len(venues)
        self._fundings: defaultdict[int, deque[tuple[int, int]]] = defaultdict(lambda: deque(maxlen=FUNDINGS_KEPT))
        self.feeds_up = [False] * len(assembly.spec.feeds)
        self.feed_ups = [0] * len(assembly.spec.feeds)  # how often each came up
        self.engine.connect(
            [
                venues[assembly.venue_ids.index(assembly.config.markets[market].venue)].submit
                for market in assembly.market_ids
            ]
        )
        # One market-data frame: decided on and sent before the callback returns, with no Python in between.
        self.frame: Callable[[int, bytes | memoryview, int], object] = self.engine.on_frame
        self.flush = self.engine.dispatch

    def after(self, waiting: int) -> None:
        """Finish an event that is not a frame."""
        if waiting:
            self.flush()
        if self.engine.order_flow.executions:
            self.keeper.fills(self.engine.take_executions())
        if self.engine.order_flow.ended:
            self.keeper.ended(self.engine.order_flow.take_ended())
        if self.engine.venue_states.pictures_wanted:
            for venue in self.engine.venue_states.take_pictures_wanted():
                self.reconcile_wanted(venue)

    @property
    def first_quote_ns(self) -> int:
        """When the first order went out; 0: none yet."""
        return self.engine.execution.first_place_ns

    def funding(self, market: int, amount_e8: int, asset: int, ts_ns: int) -> None:
        """Enter a funding payment once, though stream and history both tell of it, at slightly different times."""
        for known_ns, known_e8 in self._fundings[market]:
            if known_e8 == amount_e8 and abs(known_ns - ts_ns) <= SAME_FUNDING_NS:
                return
        self._fundings[market].append((ts_ns, amount_e8))
        event = {"op": "funding", "market": market, "amount_e8": amount_e8, "asset": asset, "exch_ts_ns": ts_ns}
        self.after(self.engine.on_account(encode(event), self.clock()))
        self.keeper.funding(market, amount_e8, asset, ts_ns)

    def command(self, op: str, **values: Any) -> None:
        """Enter an operator's or the shell's command."""
        self.after(self.engine.on_command(encode({"op": op, **values}), self.clock()))


class VenueSink:
    """What one connector reports to; see `mmbot.venues.base.Sink`."""

    def __init__(self, inbox: Inbox, venue: int) -> None:
        self._inbox = inbox
        self._venue = venue
        self.on_frame = inbox.frame

    def on_feed(self, feed: int, up: bool) -> None:  # noqa: FBT001 - the interface's
        """A market-data socket came up or went down."""
        self._inbox.feeds_up[feed] = up
        self._inbox.feed_ups[feed] += up
        self._inbox.after(self._inbox.engine.on_feed(feed, up, self._inbox.clock()))

    def on_snapshot(self, market: int, body: bytes) -> None:
        """A book snapshot arrived."""
        self._inbox.after(self._inbox.engine.on_snapshot(market, body, self._inbox.clock()))

    def on_order(self, event: OrderEvent) -> None:
        """An order update arrived."""
        self._inbox.after(self._inbox.engine.on_order(event, self._inbox.clock()))

    def on_funding(self, market: int, amount_e8: int, asset: int, ts_ns: int) -> None:
        """Funding was paid or received."""
        self._inbox.funding(market, amount_e8, asset, ts_ns)

    def on_balance(self, asset: int, wallet_e8: int, ts_ns: int) -> None:
        """A wallet balance changed."""
        event = {
            "op": "balance", "venue": self._venue, "asset": asset, "wallet_e8": wallet_e8, "exch_ts_ns": ts_ns,
        }  # fmt: skip
        self._inbox.after(self._inbox.engine.on_account(encode(event), self._inbox.clock()))
        self._inbox.keeper.balance(self._venue, asset, wallet_e8, ts_ns)

    def on_trading_up(self, up: bool) -> None:  # noqa: FBT001 - the interface's
        """Order entry and user stream are usable, or one of them is gone."""
        self._inbox.trading_up[self._venue] = up
        self._inbox.times_up[self._venue] += up
        self._inbox.command("trading", venue=self._venue, up=up)
        if up:
            self._inbox.reconcile_wanted(self._venue)

    def asset_index(self, name: str) -> int:
        """The engine-wide number of an asset."""
        return self._inbox.assembly.asset_index(name)
