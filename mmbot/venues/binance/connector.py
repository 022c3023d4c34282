"""The connector that both Binance venues are: it puts feeds, order gateway, user stream and REST together.

What differs (paths, messages, account set-up) is in the subclasses' folders.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections import OrderedDict
from typing import TYPE_CHECKING, ClassVar

import structlog

from mmbot._core.encode_binance import BinanceEncoder
from mmbot._core.types import CommandKind, Owner
from mmbot.errors import AuthError, ConfigError, Disconnected, MmbotError, RateLimited, UnknownOrderState, VenueError
from mmbot.net.backoff import Backoff
from mmbot.net.websocket import ManagedSocket
from mmbot.venues.base import Venue
from mmbot.venues.binance import order_events
from mmbot.venues.binance.errors import Outcome
from mmbot.venues.binance.market_feed import MarketFeed
from mmbot.venues.binance.market_table import MarketTable, owner_of
from mmbot.venues.binance.order_batch import BATCH_WEIGHT
from mmbot.venues.binance.order_gateway import GatewayPorts, OrderGateway
from mmbot.venues.client_id import ClientIds

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping, Sequence

    from mmbot._core.types import CommandView, Instrument, OrderEvent
    from mmbot.venues.base import Fill, OpenOrder, Sink, VenueSettings
    from mmbot.venues.binance.account_rest import AccountRest
    from mmbot.venues.binance.market_table import BoundMarket

_log = structlog.get_logger(__name__)
_START_S = 20.0
_CANCEL_ALL_S = 15.0
_CLOCK_S = 30.0
_MAX_OWNERS = 16_384
_WHOLE_BOOKS = 20
_MAX_STREAMS = 1024


class BinanceVenue(Venue):
    """One account at one Binance venue; see `mmbot.venues.base.Venue` for the contract."""

    futures: ClassVar[bool]

    def __init__(self, settings: VenueSettings) -> None:
        super().__init__(settings)
        self._settings = settings
        self._ids = ClientIds(settings.bot, settings.session)
        self._rest = self._make_rest(settings)
        self._sink: Sink | None = None
        self._markets = MarketTable({})
        self._first_feed = 0
        self._feeds: list[MarketFeed] = []
        self._gateway: OrderGateway | None = None
        self._order_socket: ManagedSocket | None = None
        self._group: asyncio.TaskGroup | None = None
        self._owned: set[asyncio.Task[None]] = set()
        self._resyncing: set[int] = set()
        self._owners: OrderedDict[tuple[int, int], tuple[int, int]] = OrderedDict()
        self._fatal: asyncio.Future[None] | None = None
        self._trading = asyncio.Event()
        self._encoder: BinanceEncoder | None = None
        self._syncing = False
        self._waiting = False
        self._rest.budget.on_pause = self._paused
        self._stopped: bool | None = None  # what `stop` found, once it was called

    # -- what the venues add ------------------------------------------------------------------------------------------

    @abstractmethod
    def _make_rest(self, settings: VenueSettings) -> AccountRest:
        """Make the venue's REST side."""

    @abstractmethod
    def _plan_feeds(self) -> Sequence[tuple[str, Mapping[str, float]]]:
        """Give url and streams (name -> seconds of silence allowed) of each feed, in the order of `feed_names`."""

    @abstractmethod
    async def _prepare_account(self) -> None:
        """Check and set account modes."""

    @abstractmethod
    def _start_user_stream(self) -> None:
        """Start the tasks of the user stream that are not part of the order socket."""

    @abstractmethod
    def _user_stream_up(self) -> bool:
        """Whether account events arrive."""

    @abstractmethod
    async def _log_on(self) -> None:
        """Say first on the order socket what has to be said."""

    @abstractmethod
    def _pushed(self, event: bytes) -> None:
        """Take an account event that came over the order socket."""

    # -- life ---------------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Open the REST session and measure the clock offset."""
        await self._rest.open()

    async def instruments(self, symbols: Sequence[str]) -> list[Instrument]:
        """Describe the symbols, with this account's fees where there are credentials."""
        return await self._rest.instruments(symbols)

    def bind(self, sink: Sink, markets: Mapping[int, Instrument], first_feed: int = 0) -> None:
        """Say who listens, and which market numbers the instruments have."""
        self._sink = sink
        self._markets = MarketTable(markets)
        self._first_feed = first_feed
        credentials = self._settings.credentials
        if credentials is not None:
            self._encoder = BinanceEncoder(
                futures=self.futures,
                api_key=credentials.api_key,
                secret=credentials.api_secret,
                client_prefix=self._ids.prefix,
                recv_window_ms=self._settings.recv_window_ms,
            )
            for market in self._markets:
                self._encoder.add_market(market.index, market.instrument)
            self._encoder.set_clock_offset(self._rest.clock.offset_ns)

    async def start(self, tasks: asyncio.TaskGroup) -> None:
        """Check the account, connect every socket, return when all are up.

        Raises:
            Disconnected: not everything was up within 20 s; what was started goes on trying until `stop`.
        """
        self._group = tasks
        self._fatal = asyncio.get_running_loop().create_future()
        if self._encoder is not None:
            await self._prepare_account()
        self._spawn(self._follow_clock(), "clock")
        self._start_feeds()
        if self._encoder is not None:
            self._spawn(self._await_fatal(self._fatal), "fatal")
            self._start_orders(self._encoder)
            self._start_user_stream()
        waits = [feed.up.wait() for feed in self._feeds]
        if self._encoder is not None:
            waits.append(self._trading.wait())
        try:
            async with asyncio.timeout(_START_S):
                await asyncio.gather(*waits)
        except TimeoutError:
            down = [feed.name for feed in self._feeds if not feed.up.is_set()]
            down += [] if self._encoder is None or self._trading.is_set() else ["trading"]
            raise Disconnected(f"{self.name}: expected every socket up within {_START_S} s, missing {down}") from None

    async def stop(self, *, cancel: bool = True) -> bool:
        """Cancel our orders, confirm from the venue, end the sockets; a second call says what the first found."""
        if self._stopped is not None:
            return self._stopped
        self._stopped = False
        try:
            clean = not cancel or await self._cancel_everything()
            await self._leave(clean=clean)
        finally:  # also when the caller has waited long enough
            owned = list(self._owned)
            for task in owned:
                task.cancel()
            await asyncio.gather(*owned, return_exceptions=True)
            await self._rest.close()
        self._stopped = clean
        return clean

    async def _cancel_everything(self) -> bool:
        if self._encoder is None or self._group is None:
            return True
        answers = await asyncio.gather(
            *(self.cancel_all(market.index) for market in self._markets), return_exceptions=True
        )
        for problem in answers:
            if isinstance(problem, MmbotError):
                _log.error("orders may be left open", venue=self.name, error=str(problem))
            elif isinstance(problem, BaseException):
                raise problem
        return all(problem is None for problem in answers)

    async def _leave(self, *, clean: bool) -> None:
        """Undo at the venue what `start` set up, when nothing of ours is left there (`clean`)."""

    @property
    def clock_offset_ns(self) -> int:
        """How far the venue's clock is ahead of ours."""
        return self._rest.clock.offset_ns

    def rate_usage(self) -> Mapping[str, float]:
        """Say how much of the venue's budgets is used: ``weight_1m`` and its ``_limit``, orders, seconds of pause."""
        budget = self._rest.budget
        counts = self._rest.order_counts | (self._gateway.order_counts if self._gateway is not None else {})
        orders = {f"orders_{interval.lower()}": float(used) for interval, used in counts.items()}
        return {"weight_1m": budget.used, "weight_1m_limit": budget.limit, "paused_s": budget.paused_s, **orders}

    # -- orders -------------------------------------------------------------------------------------------------------

    def submit(self, command: CommandView) -> None:
        """Send one order request now; every outcome comes back through `Sink.on_order`."""
        market = self._markets.at(command.market)
        if command.kind == CommandKind.RESYNC:
            self._resync(market.index)
            return
        if self._gateway is None:
            raise AuthError(f"{self.name}: cannot trade: no credentials, or not started")
        if command.kind == CommandKind.CANCEL_ALL:
            self._spawn(self._cancel_all_command(market.index), "cancel all")
        else:
            self._gateway.submit(command)

    async def cancel_all(self, market: int) -> None:
        """Cancel every open order of ours on the market; returns when the venue lists none and none is in flight."""
        bound = self._markets.at(market)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _CANCEL_ALL_S
        backoff = Backoff(0.02, 1.0)
        found = "nothing"
        while True:
            try:
                ours = [order for order in await self._open_orders_of(bound) if order.owner != Owner.OTHER]
                if not ours and not self._in_flight(market):
                    return
                found = f"{len(ours)} open"
                if ours:
                    await self._cancel_listed(bound, ours)
            except (Disconnected, UnknownOrderState, RateLimited) as error:
                found = str(error)
            if loop.time() > deadline:
                raise UnknownOrderState(f"{self.name} {bound.symbol}: expected no open order of ours, found {found}")
            await asyncio.sleep(backoff.next_s())

    def _in_flight(self, market: int) -> bool:
        return self._gateway is not None and self._gateway.in_flight(market)

    async def _open_orders_of(self, market: BoundMarket) -> list[OpenOrder]:
        listed = await self._rest.open_orders(market.symbol)
        return [order_events.open_order(each, market, self._ids) for each in listed]

    async def _cancel_listed(self, market: BoundMarket, orders: Sequence[OpenOrder]) -> None:
        """Cancel these orders and report what the venue confirmed."""
        by_id = {order.venue_order_id: order for order in orders}
        for answer in await self._rest.cancel_orders(market.symbol, list(by_id)):
            order = by_id.get(answer.order_id)
            if order is not None and answer.status == "CANCELED":
                self._report(order_events.canceled(order, market, answer))

    async def _cancel_all_command(self, market: int) -> None:
        try:
            await self.cancel_all(market)
        except AuthError:
            raise
        except MmbotError as error:
            _log.error("cancel all failed", venue=self.name, market=market, error=str(error))
            self._doubt()

    def _doubt(self) -> None:
        """Make the shell reconcile: what we know of our orders may be wrong."""
        if self._trading.is_set() and self._sink is not None:
            self._sink.on_trading_up(up=False)
            self._sink.on_trading_up(up=True)

    # -- reconciliation -----------------------------------------------------------------------------------------------

    async def open_orders(self) -> list[OpenOrder]:
        """Every resting order of the bound markets, ours or not."""
        found: list[OpenOrder] = []
        markets = list(self._markets)
        if len(markets) * self._rest.open_orders_weight > self._rest.all_open_orders_weight:
            for each in await self._rest.all_open_orders():
                market = self._markets.get(each.symbol)
                if market is not None:
                    found.append(order_events.open_order(each, market, self._ids))
            return found
        for market in markets:
            found += await self._open_orders_of(market)
        return found

    async def fills_since(self, market: int, *, trade_id: int = 0, ts_ns: int = 0) -> list[Fill]:
        """Executions after `trade_id`, or when that is 0 since `ts_ns`, oldest first."""
        bound, sink = self._markets.at(market), self._listener()
        fills = []
        for trade in await self._rest.trades_since(bound.symbol, trade_id, ts_ns):
            owner = self._owners.get((market, trade.order_id))
            if owner is None:
                owner = await self._look_up_owner(bound, trade.order_id)
                self._remember(market, trade.order_id, owner)
            fills.append(order_events.fill(trade, bound, sink, owner))
        return fills

    async def _look_up_owner(self, market: BoundMarket, order_id: int) -> tuple[int, int]:
        """Trades name the venue's order id only; the client's stands in the order."""
        try:
            order = await self._rest.order(market.symbol, order_id)
        except VenueError as error:
            if self._rest.codes.get(error.code) is Outcome.GONE:  # too old to be kept
                return Owner.OTHER, 0
            raise
        return owner_of(self._ids, order.client_order_id)

    # -- books --------------------------------------------------------------------------------------------------------

    async def snapshot(self, market: int) -> None:
        """Fetch the book and hand the raw body to `Sink.on_snapshot`."""
        self._listener().on_snapshot(market, await self._book(market))

    async def _book(self, market: int) -> bytes:
        """The book; of very many markets only its upper part, else all their books cost minutes of requests."""
        return await self._rest.depth(self._markets.at(market).symbol, shallow=len(self._markets) > _WHOLE_BOOKS)

    def _resync(self, market: int) -> None:
        if market not in self._resyncing:
            self._resyncing.add(market)
            self._spawn(self._resync_until_done(market), "resync")

    async def _resync_until_done(self, market: int) -> None:
        backoff = Backoff(0.2, 10.0)
        try:
            while True:
                try:
                    # Free for the next request before the sink sees the body and perhaps asks again.
                    body = await self._book(market)
                    break
                except AuthError:
                    raise
                except VenueError as error:
                    _log.warning("snapshot failed", venue=self.name, market=market, error=str(error))
                    await asyncio.sleep(backoff.next_s())
        finally:
            self._resyncing.discard(market)
        self._listener().on_snapshot(market, body)

    # -- parts --------------------------------------------------------------------------------------------------------

    def _start_feeds(self) -> None:
        for number, (url, limits_s) in enumerate(self._plan_feeds()):
            if len(limits_s) > _MAX_STREAMS:
                per_market = len(limits_s) // len(self._markets)
                raise ConfigError(
                    f"{self.name}: expected at most {_MAX_STREAMS // per_market} markets, whose {_MAX_STREAMS} streams "
                    f"the venue takes on a connection, found {len(self._markets)}; divide them among several venues"
                )
            feed = MarketFeed(
                f"{self.name} {self.feed_names[number]}",
                url,
                self._first_feed + number,
                limits_s,
                self._listener(),
                ssl_context=self._rest.ssl_context,
            )
            self._feeds.append(feed)
            self._spawn(feed.run(), "feed")

    def _start_orders(self, encoder: BinanceEncoder) -> None:
        ports = GatewayPorts(
            report=self._report,
            spawn=lambda coroutine: self._spawn(coroutine, "order"),
            rest_send=self._rest_send,
            rest_batch=self._rest_batch if encoder.futures else None,
            state_changed=self._state_changed,
            log_on=self._log_on,
            pushed=self._pushed,
            clock_wrong=self._clock_wrong,
            fatal=self._fail,
        )
        websocket = self._settings.order_entry == "websocket"
        self._gateway = OrderGateway(
            encoder,
            self._markets,
            self._rest.codes,
            self._rest.budget,
            ports,
            timeout_s=self._settings.request_timeout_s,
            websocket=websocket,
            latency=self.latency,
        )
        self._spawn(self._gateway.sweep(), "order sweep")
        url = self._settings.endpoint.ws_api
        if url and (websocket or not self.futures):
            context = self._rest.ssl_context if url.startswith("wss") else None

            async def address() -> str:
                return url

            self._order_socket = ManagedSocket(f"{self.name} orders", address, self._gateway, ssl_context=context)
            self._spawn(self._order_socket.run(), "order socket")
        elif not self.futures:
            raise ConfigError(f"{self.name}: expected endpoint.ws_api, which carries the user stream, found none")

    async def _rest_send(self, command: CommandView) -> bytes:
        encoder = self._encoder
        if encoder is None:
            raise AuthError(f"{self.name}: no credentials")
        # The timestamp stays that of the command, so that the time until which the venue takes it stays known.
        await self._rest.budget.acquire(1, urgent=True, max_wait_s=1.0)
        query = encoder.encode_query_command(command).decode()
        return await self._rest.send_order(command.kind, query)

    async def _rest_batch(self, commands: Sequence[CommandView]) -> Sequence[bytes]:
        encoder = self._encoder
        if encoder is None:
            raise AuthError(f"{self.name}: no credentials")
        await self._rest.budget.acquire(BATCH_WEIGHT, urgent=True, max_wait_s=1.0)
        return await self._rest.send_batch([encoder.encode_query_command(command).decode() for command in commands])

    def _report(self, event: OrderEvent) -> None:
        fields = event.as_dict()
        if fields["venue_order_id"] and fields["owner"] != Owner.OTHER:
            self._remember(fields["market"], fields["venue_order_id"], (fields["owner"], fields["order_num"]))
        self._listener().on_order(event)

    def _remember(self, market: int, venue_order_id: int, owner: tuple[int, int]) -> None:
        self._owners[market, venue_order_id] = owner
        if len(self._owners) > _MAX_OWNERS:
            self._owners.popitem(last=False)

    def _state_changed(self) -> None:
        gateway = self._gateway
        orders_up = gateway is not None and (gateway.up or self._order_socket is None)
        up = orders_up and self._user_stream_up() and not self._rest.budget.paused_s
        if up == self._trading.is_set():
            return
        if up:
            self._trading.set()
        else:
            self._trading.clear()
        _log.info("trading up" if up else "trading down", venue=self.name)
        self._listener().on_trading_up(up=up)

    def _paused(self) -> None:
        """The venue lets nothing through for a time: that is trading down, and up again afterwards."""
        if self._group is not None and not self._waiting:
            self._waiting = True
            self._state_changed()
            self._spawn(self._await_resumption(), "pause")

    async def _await_resumption(self) -> None:
        try:
            await self._rest.budget.resumed()
        finally:
            self._waiting = False
        self._state_changed()

    def _listener(self) -> Sink:
        if self._sink is None:
            raise ValueError(f"{self.name}: bind a sink first")
        return self._sink

    def _spawn(self, coroutine: Coroutine[None, None, None], name: str) -> bool:
        if self._group is None:
            coroutine.close()
            raise ValueError(f"{self.name}: start it first")
        try:
            task = self._group.create_task(coroutine, name=f"{self.name} {name}")
        except RuntimeError:  # the session is going down in trouble; who leaves in haste cancels everything by hand
            coroutine.close()
            _log.warning("not begun, the session is ending", venue=self.name, task=name)
            return False
        self._owned.add(task)
        task.add_done_callback(self._owned.discard)
        return True

    # -- clock and fatal errors ---------------------------------------------------------------------------------------

    async def _follow_clock(self) -> None:
        while True:
            await asyncio.sleep(_CLOCK_S)
            await self._measure_clock()

    async def _measure_clock(self) -> None:
        try:
            offset_ns = await self._rest.sync_clock(samples=1)
        except VenueError as error:
            _log.warning("clock not measured", venue=self.name, error=str(error))
            return
        if self._encoder is not None:
            self._encoder.set_clock_offset(offset_ns)

    def _clock_wrong(self) -> None:
        """Measure anew: the venue refused a timestamp."""
        if not self._syncing:
            self._syncing = True
            self._spawn(self._remeasure_clock(), "clock")

    async def _remeasure_clock(self) -> None:
        try:
            self._rest.clock.forget()
            await self._measure_clock()
        finally:
            self._syncing = False

    def _fail(self, error: AuthError) -> None:
        if self._fatal is not None and not self._fatal.done():
            self._fatal.set_exception(error)

    async def _await_fatal(self, fatal: asyncio.Future[None]) -> None:
        await fatal
