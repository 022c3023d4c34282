"""What every venue connector offers the engine shell, and what it tells it.

A connector is made from `VenueSettings`, asked for its `instruments`, bound to a `Sink` with the market numbers the
engine gave them, and started inside the shell's task group::

    venue = create_venue("binance_usdm", settings)
    await venue.open()
    instruments = await venue.instruments(["BTC/USDT:USDT"])
    venue.bind(sink, {0: instruments[0]}, first_feed=0)     # feeds 0 .. len(venue.feed_names) - 1
    await venue.start(task_group)
    ...
    await venue.stop()

Everything asynchronous that happens afterwards reaches the sink through plain method calls on the event loop's thread.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Protocol

from mmbot._core.latency import LatencyBoard
from mmbot._core.types import OrderEvent, OrderEventKind

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from mmbot._core.types import CommandView, Instrument


class Sink(Protocol):
    """What a connector reports to; every method is synchronous, quick, and called on the event loop's thread."""

    def on_frame(self, feed: int, payload: bytes | memoryview, recv_ns: int) -> object:
        """One market-data frame as received; a memoryview is valid only during the call."""

    def on_feed(self, feed: int, up: bool) -> object:  # noqa: FBT001 - a two-state signal
        """The feed's socket is subscribed (True), or gone or silent beyond its limit (False)."""

    def on_snapshot(self, market: int, body: bytes) -> object:
        """The raw REST depth answer for one market."""

    def on_order(self, event: OrderEvent) -> object:
        """One order update, normalised. May come twice: once as a request's answer, once on the user stream."""

    def on_funding(self, market: int, amount_e8: int, asset: int, ts_ns: int) -> object:
        """A funding payment; > 0 received. `market` is -1 where the venue does not say which."""

    def on_balance(self, asset: int, wallet_e8: int, ts_ns: int) -> object:
        """The wallet balance of one asset as the venue now has it."""

    def on_trading_up(self, up: bool) -> object:  # noqa: FBT001 - a two-state signal
        """Orders may be sent and are observed (True); or order entry or user stream is gone (False).

        After each True the shell reconciles: what happened while it was False may have gone unseen.
        """

    def asset_index(self, name: str) -> int:
        """The engine-wide number of an asset name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where a venue is reached.

    Args:
        rest: base URL, ``https://fapi.binance.com``.
        ws: base URL of the streams, ``wss://fstream.binance.com``.
        ws_api: whole URL of the websocket order API, ``wss://ws-fapi.binance.com/ws-fapi/v1``; None: orders over REST.
        ca_file: certificate authorities to trust instead of the system's (PEM).
        routed: streams are split into /public, /market and /private paths (USD-M; ignored elsewhere).
    """

    rest: str
    ws: str
    ws_api: str | None
    ca_file: Path | None = None
    routed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """An API key; the secret never shows in a repr."""

    api_key: str = field(repr=False)
    api_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueSettings:
    """What a connector needs to know besides its markets.

    Args:
        name: the venue's key in the config, which names its logs.
        endpoint: base URLs.
        credentials: None for market data alone.
        bot: name of the bot; hashed into the owner tag of client order ids.
        session: number of this session, larger than all earlier ones of the bot (UTC seconds at start will do).
        depth_ms: interval of depth updates; 0 is the fastest. None: the venue's own best.
        trade_stream: ``"trade"`` or ``"aggTrade"``. None: the venue's own best.
        leverage: set at start on futures venues; None leaves the account's.
        margin_mode: ``"cross"`` or ``"isolated"``, set at start on futures venues; None leaves the account's.
        countdown_ms: dead-man switch: the venue cancels our orders when it has not heard from us so long; 0: off.
        order_entry: ``"websocket"`` (REST as its fallback) or ``"rest"``.
        request_timeout_s: an order request without an answer counts as LOST after this.
        recv_window_ms: how old a signed request may be when it reaches the venue.
    """

    name: str
    endpoint: Endpoint
    credentials: Credentials | None = None
    bot: str = "mmbot"
    session: int = 0
    depth_ms: int | None = None
    trade_stream: str | None = None
    leverage: int | None = None
    margin_mode: str | None = None
    countdown_ms: int = 60_000
    order_entry: str = "websocket"
    request_timeout_s: float = 5.0
    recv_window_ms: int = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenOrder:
    """One resting order as the venue reports it; quantities in lots, prices in ticks."""

    market: int
    owner: int
    order_num: int
    client_order_id: str
    venue_order_id: int
    side: int
    state: int
    price_ticks: int
    qty_lots: int
    cum_filled_lots: int
    reduce_only: bool
    ts_ns: int

    def event(self) -> OrderEvent:
        """The order as a STATUS event for the engine."""
        return OrderEvent(
            kind=OrderEventKind.STATUS,
            market=self.market,
            owner=self.owner,
            order_num=self.order_num,
            venue_order_id=self.venue_order_id,
            side=self.side,
            state=self.state,
            price_ticks=self.price_ticks,
            qty_lots=self.qty_lots,
            cum_filled_lots=self.cum_filled_lots,
            exch_ts_ns=self.ts_ns,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """What the venue says we hold; spot venues give the base asset's total balance.

    `qty_lots` is signed. A balance that is not a whole number of lots is cut towards zero and the rest, in 1e-8 of the
    base asset, is `dust_e8`. Prices are text because averages are not whole ticks; "0" where the venue keeps none.
    """

    market: int
    qty_lots: int
    entry_price: str
    liquidation_price: str
    dust_e8: int
    unrealised_pnl_e8: int
    ts_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """Wallet balance of one asset, in 1e-8 of it; `free_e8` is what new orders may use."""

    asset: str
    wallet_e8: int
    free_e8: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """One execution of one of the account's orders, from the venue's history."""

    market: int
    owner: int
    order_num: int
    venue_order_id: int
    trade_id: int
    side: int
    price_ticks: int
    qty_lots: int
    fee_e8: int
    fee_asset: int
    maker: bool
    ts_ns: int

    def event(self) -> OrderEvent:
        """The execution as a FILL event for the engine, which applies each trade id once."""
        return OrderEvent(
            kind=OrderEventKind.FILL,
            market=self.market,
            owner=self.owner,
            order_num=self.order_num,
            venue_order_id=self.venue_order_id,
            side=self.side,
            trade_id=self.trade_id,
            last_price_ticks=self.price_ticks,
            last_qty_lots=self.qty_lots,
            fee_e8=self.fee_e8,
            fee_asset=self.fee_asset,
            maker=int(self.maker),
            exch_ts_ns=self.ts_ns,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Funding:
    """One funding payment from the venue's history; `amount_e8` > 0 was received, `payment_id` is the venue's."""

    market: int
    amount_e8: int
    asset: int
    payment_id: str
    ts_ns: int


class Venue(ABC):
    """One connected account at one venue. Not thread-safe: all calls come from the event loop's thread.

    Coroutines raise `VenueError` and its kinds; each is bounded by a timeout. The tasks that `start` adds to the task
    group end only by cancellation, `stop`, or an `AuthError` that no retry can mend.

    Attributes:
        name: the venue's key in the config.
        feed_names: its market-data feeds.
        latency: where the times of encoding and sending an order are counted; set before `start` to share it.
    """

    kind: ClassVar[str]
    feed_names: tuple[str, ...]
    name: str

    def __init__(self, settings: VenueSettings) -> None:
        self.name = settings.name
        self.latency = LatencyBoard()

    @property
    def clock_offset_ns(self) -> int:
        """How far the venue's clock is ahead of ours; 0 where it is not measured."""
        return 0

    def rate_usage(self) -> Mapping[str, float]:
        """Say how much of the venue's rate budgets is used, by name."""
        return {}

    async def funding_since(self, ts_ns: int) -> list[Funding]:  # noqa: ARG002 - for venues that have funding
        """Funding payments of the bound markets since a time, oldest first; none on spot venues."""
        return []

    @abstractmethod
    async def open(self) -> None:
        """Open the REST session and measure the clock offset; needed before every other coroutine."""

    @abstractmethod
    async def instruments(self, symbols: Sequence[str]) -> list[Instrument]:
        """Describe the symbols (unified or the venue's own), in their order.

        Raises:
            ConfigError: the venue does not list one of them, or it does not trade.
        """

    async def margin_tiers(self, instruments: Sequence[Instrument]) -> list[list[tuple[str, str]]]:
        """Maintenance margin tiers of each instrument, ascending ``(notional it begins at, rate)``.

        Empty where there is no margin, or the venue does not say.
        """
        return [[] for _ in instruments]

    @abstractmethod
    def bind(self, sink: Sink, markets: Mapping[int, Instrument], first_feed: int = 0) -> None:
        """Say who listens, and which market numbers the instruments have; once, before `start`.

        The venue's feeds are numbered from `first_feed`, one for each of `feed_names`.
        """

    @abstractmethod
    async def start(self, tasks: asyncio.TaskGroup) -> None:
        """Check and set account modes, connect every socket; returns when market data (and trading) are up."""

    @abstractmethod
    def submit(self, command: CommandView) -> None:
        """Send one order request now; every outcome comes back through `Sink.on_order`.

        Takes PLACE, AMEND_ORDER, CANCEL_ORDER, CANCEL_ALL, QUERY_ORDER and RESYNC (a snapshot follows).

        Raises:
            ValueError: the command is of another kind, or of a market that was not bound.
        """

    @abstractmethod
    async def snapshot(self, market: int) -> None:
        """Fetch the book and hand the raw body to `Sink.on_snapshot`."""

    @abstractmethod
    async def open_orders(self) -> list[OpenOrder]:
        """Every resting order of the bound markets, ours or not."""

    @abstractmethod
    async def positions(self) -> list[Position]:
        """One position for every bound market, flat ones too."""

    @abstractmethod
    async def balances(self) -> list[Balance]:
        """Every asset with a balance."""

    @abstractmethod
    async def fills_since(self, market: int, *, trade_id: int = 0, ts_ns: int = 0) -> list[Fill]:
        """Executions after `trade_id`, or when that is 0 since `ts_ns`, oldest first."""

    @abstractmethod
    async def cancel_all(self, market: int) -> None:
        """Cancel every open order of ours on the market; orders of others are left alone. Returns when none is left.

        Raises:
            UnknownOrderState: some were still open at the timeout.
        """

    @abstractmethod
    async def stop(self, *, cancel: bool = True) -> bool:
        """Cancel our orders (with `cancel`), confirm from the venue, end the sockets; False: could not confirm."""
