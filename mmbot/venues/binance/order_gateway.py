"""Orders over the websocket API, with REST as the fallback: one event for every request, whatever happens.

binance-spot-api-docs ``web-socket-api.md`` "Request format", "Response format"; USD-M: "Websocket API General Info".
An answer finds its request by the JSON ``id``. A request whose answer does not come in time, or whose connection ends
first, is reported LOST; an answer that comes late is reported too, but none after the grace time in which the venue
could still accept the request: from then on a query is the only truth.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from mmbot._core.encode_binance import BinanceEncoder
from mmbot._core.latency import Hop, LatencyBoard, clock_ns
from mmbot._core.types import CommandKind, OrderEventKind
from mmbot.errors import AuthError, DecodeError, Disconnected, RateLimited, UnknownOrderState, VenueError
from mmbot.venues.binance import order_events
from mmbot.venues.binance.errors import Outcome, error_of, event_kind, outcome_of
from mmbot.venues.binance.messages import AmendAnswer, ApiAnswer, ApiError, OrderAnswer, decode
from mmbot.venues.binance.order_batch import OrderBatch

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence

    from mmbot._core.types import CommandView, OrderEvent
    from mmbot.net.rate_budget import WeightBudget
    from mmbot.net.websocket import ManagedSocket
    from mmbot.venues.binance.market_table import MarketTable

_log = structlog.get_logger(__name__)
_MAX_LATE = 1024
_CLOCK_LEAD_S = 1.0  # the venue takes timestamps that are so far ahead of its clock
_MAX_REST = 64
_PAUSED = -1003
_ENCODE, _SEND = int(Hop.ENCODE), int(Hop.SEND)
_ORDER_KINDS = {
    CommandKind.PLACE,
    CommandKind.AMEND_ORDER,
    CommandKind.CANCEL_ORDER,
    CommandKind.QUERY_ORDER,
}
_URGENT = {CommandKind.CANCEL_ORDER, CommandKind.QUERY_ORDER}


@dataclass(slots=True)  # not frozen, which is slower to make: there is one for every order
class _Request:
    command: CommandView
    deadline: float  # no answer until then: LOST
    grace_end: float  # no answer counts after that


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayPorts:
    """What the gateway needs of its connector.

    Args:
        report: takes every order event.
        spawn: owns a coroutine until it ends; False: the session is ending, and nothing is begun any more.
        rest_send: sends a command over REST and gives the answer's body.
        rest_batch: sends new orders in one REST request and gives an answer for each; None: the venue has no such call.
        state_changed: called after the connection came up or went down.
        log_on: what to do first on each new connection.
        pushed: takes events that are pushed over the same connection (spot's user stream).
        clock_wrong: the venue refused a timestamp.
        fatal: no request will ever work.
    """

    report: Callable[[OrderEvent], object]
    spawn: Callable[[Coroutine[None, None, None]], object]
    rest_send: Callable[[CommandView], Awaitable[bytes]]
    rest_batch: Callable[[Sequence[CommandView]], Awaitable[Sequence[bytes]]] | None
    state_changed: Callable[[], object]
    log_on: Callable[[], Awaitable[None]]
    pushed: Callable[[bytes], object]
    clock_wrong: Callable[[], object]
    fatal: Callable[[AuthError], object]


class OrderGateway:
    """Order entry of one account; the handler of its websocket.

    Args:
        encoder: makes the requests.
        markets: the bound markets.
        codes: the venue's error table.
        budget: whose pauses are obeyed.
        ports: the connector's side.
        timeout_s: when a request counts as lost.
        websocket: False sends every order over REST.
        latency: where the times of encoding and sending over the websocket are counted.
    """

    def __init__(
        self,
        encoder: BinanceEncoder,
        markets: MarketTable,
        codes: Mapping[int, Outcome],
        budget: WeightBudget,
        ports: GatewayPorts,
        *,
        timeout_s: float,
        websocket: bool = True,
        latency: LatencyBoard | None = None,
    ) -> None:
        self._encoder = encoder
        self._stamp = (latency or LatencyBoard()).stamp
        self._markets = markets
        self._codes = codes
        self._budget = budget
        self._ports = ports
        self._timeout_s = timeout_s
        self._grace_s = encoder.recv_window_ms / 1000 + _CLOCK_LEAD_S
        self._loop = asyncio.get_running_loop()
        self._socket: ManagedSocket | None = None
        self._pending: dict[str, _Request] = {}
        self._late: OrderedDict[str, _Request] = OrderedDict()
        self._calls: dict[str, asyncio.Future[ApiAnswer]] = {}
        self._over_websocket = websocket
        self._batch = OrderBatch(self._send_batch)
        self._by_rest: Counter[int] = Counter()  # market -> requests under way outside `_pending`
        self.order_counts: dict[str, int] = {}
        self.up = False

    # -- requests ---------------------------------------------------------------------------------------------------

    def submit(self, command: CommandView) -> None:
        """Send one order request; never raises for what the venue or the network does."""
        if command.kind not in _ORDER_KINDS:
            raise ValueError(f"expected an order request, found {command!r}")
        if self._budget.paused_s:
            self._submit_paused(command)
            return
        socket = self._socket
        if not self.up or socket is None or not self._over_websocket:
            self._submit_rest(command)
            return
        began_ns = clock_ns()
        payload = self._encoder.encode_command(command)
        encoded_ns = self._stamp(_ENCODE, began_ns)
        try:
            socket.send(payload)
        except Disconnected:
            self._submit_rest(command)
            return
        self._stamp(_SEND, encoded_ns)
        request_id = BinanceEncoder.request_id(command)
        now = self._loop.time()
        self._pending[request_id] = _Request(command, now + self._timeout_s, now + self._grace_s)

    def in_flight(self, market: int) -> bool:
        """Whether a request about the market still waits for its answer."""
        return self._by_rest[market] > 0 or any(each.command.market == market for each in self._pending.values())

    async def call(self, payload: bytes, request_id: str) -> ApiAnswer:
        """Send a request that is no order (a log-on, a subscription) and wait for its answer.

        Raises:
            Disconnected: there is no connection, or it ended first.
            VenueError: the venue refused.
        """
        socket = self._socket
        if socket is None:
            raise Disconnected("order socket: not connected")
        future: asyncio.Future[ApiAnswer] = self._loop.create_future()
        self._calls[request_id] = future
        try:
            socket.send(payload)
            async with asyncio.timeout(self._timeout_s):
                answer = await future
        except TimeoutError:
            raise Disconnected(f"order socket: no answer to {request_id} within {self._timeout_s} s") from None
        finally:
            self._calls.pop(request_id, None)
        if answer.error is not None:
            code, message = answer.error.code, answer.error.msg
            raise error_of(outcome_of(self._codes, code, message, answer.status), request_id, code, message)
        return answer

    async def sweep(self) -> None:
        """Report requests whose time is over; runs until cancelled."""
        while True:
            await asyncio.sleep(min(0.1, self._timeout_s / 4))
            now = self._loop.time()
            # Requests stand in the order in which they were sent, and all have the same time.
            while self._pending:
                request_id, request = next(iter(self._pending.items()))
                if request.deadline > now:
                    break
                del self._pending[request_id]
                self._lose(request_id, request, "no answer in time")

    def _submit_paused(self, command: CommandView) -> None:
        """The venue said 429 or 418: refuse new risk here, keep cancels and queries for as long as they may wait."""
        if command.kind in _URGENT and self._by_rest.total() < _MAX_REST:
            self._by_rest[command.market] += 1
            self._begin(self._after_pause(command), [command])
        else:
            self._refuse_here(command)

    async def _after_pause(self, command: CommandView) -> None:
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._budget.resumed()
        except TimeoutError:
            self._ports.report(order_events.refused(command, event_kind(command.kind, Outcome.RATE), _PAUSED))
        else:
            self.submit(command)
        finally:
            self._by_rest[command.market] -= 1

    def _refuse_here(self, command: CommandView) -> None:
        event = order_events.refused(command, event_kind(command.kind, Outcome.RATE), _PAUSED)
        self._loop.call_soon(self._ports.report, event)  # not inside the engine's own call

    def _submit_rest(self, command: CommandView) -> None:
        if self._by_rest.total() >= _MAX_REST:
            self._refuse_here(command)
            return
        self._by_rest[command.market] += 1
        if command.kind == CommandKind.PLACE and self._ports.rest_batch is not None:
            self._batch.add(command)
        else:
            self._begin(self._over_rest(command), [command])

    def _send_batch(self, commands: list[CommandView]) -> None:
        alone = len(commands) == 1
        self._begin(self._over_rest(commands[0]) if alone else self._together_over_rest(commands), commands)

    def _begin(self, request: Coroutine[None, None, None], commands: list[CommandView]) -> None:
        """Begin what was counted in `_by_rest`; a session that is ending begins nothing more."""
        if self._ports.spawn(request) is False:
            for command in commands:
                self._by_rest[command.market] -= 1

    async def _over_rest(self, command: CommandView) -> None:
        try:
            event = self._read(command, await self._ports.rest_send(command))
        except (VenueError, DecodeError) as error:
            event = self._failed(command, error)
        finally:
            self._by_rest[command.market] -= 1
        self._ports.report(event)

    async def _together_over_rest(self, commands: list[CommandView]) -> None:
        send = self._ports.rest_batch
        if send is None:
            raise RuntimeError("a batch for a venue that takes none")
        try:
            answers = await send(commands)
            events = [self._read_entry(command, body) for command, body in zip(commands, answers, strict=True)]
        except (VenueError, DecodeError) as error:
            events = [self._failed(command, error) for command in commands]
        finally:
            for command in commands:
                self._by_rest[command.market] -= 1
        for event in events:
            self._ports.report(event)

    def _read_entry(self, command: CommandView, body: bytes) -> OrderEvent:
        """One entry of a batch's answer: the order, or why there is none."""
        if b'"orderId"' in body:
            return self._read(command, body)
        return self._problem(command, decode(ApiError, body, "batchOrders"), 400)

    def _failed(self, command: CommandView, error: VenueError | DecodeError) -> OrderEvent:
        """What a failed REST request means for its order."""
        if isinstance(error, UnknownOrderState | DecodeError):
            _log.warning("order request lost", error=str(error))
            return order_events.refused(command, OrderEventKind.LOST, getattr(error, "code", 0))
        if isinstance(error, Disconnected | RateLimited):
            return order_events.refused(command, event_kind(command.kind, Outcome.RATE), error.code)
        return self._problem(command, ApiError(error.code, str(error)), 400)

    # -- the socket's handler -----------------------------------------------------------------------------------------

    async def on_open(self, socket: ManagedSocket) -> None:
        """Log on; orders go over this connection from now on."""
        self._socket = socket
        await self._ports.log_on()
        self.up = True
        self._ports.state_changed()

    def on_close(self, reason: str) -> None:
        """Report every request in flight as lost."""
        self._socket = None
        self.up = False
        pending, self._pending = self._pending, {}
        for request_id, request in pending.items():
            self._lose(request_id, request, reason)
        for future in self._calls.values():
            if not future.done():
                future.set_exception(Disconnected(f"order socket: {reason}"))
        self._ports.state_changed()

    def on_text(self, payload: memoryview | bytes, _recv_ns: int) -> None:
        """Take one answer or pushed event."""
        answer = decode(ApiAnswer, bytes(payload), "order socket")
        if event := bytes(answer.event):
            self._ports.pushed(event)
            return
        request_id = str(answer.id)
        self._observe(answer)
        request = self._pending.pop(request_id, None) or self._late.pop(request_id, None)
        if request is not None and request.grace_end < self._loop.time():
            _log.warning("answer too late", request=request_id)
        elif request is not None:
            self._ports.report(self._answer_event(request.command, answer))
        elif (future := self._calls.get(request_id)) is not None:
            if not future.done():
                future.set_result(answer)
        elif answer.error is not None:
            _log.error("order socket error", code=answer.error.code, message=answer.error.msg, status=answer.status)

    # -- answers ------------------------------------------------------------------------------------------------------

    def _answer_event(self, command: CommandView, answer: ApiAnswer) -> OrderEvent:
        if answer.error is not None or answer.status != 200:
            return self._problem(command, answer.error or ApiError(0, ""), answer.status)
        try:
            return self._read(command, bytes(answer.result))
        except DecodeError as error:
            _log.error("order answer not understood", error=str(error))
            return order_events.refused(command, OrderEventKind.LOST, 0)

    def _read(self, command: CommandView, body: bytes) -> OrderEvent:
        market = self._markets.at(command.market)
        if command.kind == CommandKind.AMEND_ORDER and not self._encoder.futures:
            amended = decode(AmendAnswer, body, "amend answer")
            return order_events.answered(command, market, amended.amended_order, amended.transact_time)
        return order_events.answered(command, market, decode(OrderAnswer, body, "order answer"))

    def _problem(self, command: CommandView, error: ApiError, status: int) -> OrderEvent:
        outcome = outcome_of(self._codes, error.code, error.msg, status)
        if outcome is Outcome.CLOCK:
            self._ports.clock_wrong()
        elif outcome is Outcome.AUTH:
            fatal = error_of(outcome, "order request", error.code, error.msg)
            if isinstance(fatal, AuthError):
                self._ports.fatal(fatal)
        return order_events.refused(command, event_kind(command.kind, outcome), error.code)

    def _observe(self, answer: ApiAnswer) -> None:
        for count in answer.rate_limits:
            if count.rate_limit_type == "ORDERS":
                self.order_counts[f"{count.interval_num}{count.interval[:1]}"] = count.count
            elif count.rate_limit_type == "REQUEST_WEIGHT" and count.interval == "MINUTE":
                self._budget.observe(count.count)
        if answer.status in {418, 429}:
            self._budget.pause(answer.error.wait_s() if answer.error else 10.0, banned=answer.status == 418)

    def _lose(self, request_id: str, request: _Request, reason: str) -> None:
        self._late[request_id] = request
        if len(self._late) > _MAX_LATE:
            self._late.popitem(last=False)
        _log.warning("order request lost", request=request_id, reason=reason)
        self._ports.report(order_events.refused(request.command, OrderEventKind.LOST, 0))
