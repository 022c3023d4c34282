"""The exchange on the wire: one loopback port per venue, one market clock, faults. Embeddable.

::

    async with SimServer(ServerConfig(exchange=ExchangeConfig(seed=7))) as server:
        server.futures.rest         # "http://127.0.0.1:40001": what a client's base URL is set to
        server.futures.ws           # "ws://127.0.0.1:40001": + /ws, /stream, /public/ws, /market/ws, /private/ws ...
        server.futures.ws_api       # "ws://127.0.0.1:40001/ws-fapi/v1"
        server.credentials()        # (api key, secret) of the first account
        server.ca_file              # PEM to trust, with tls=True
        server.ledger()             # the exchange's own books of the first account
        server.inject(Fault(kind=FaultKind.ABORT, target="user"))
        server.injector.injected    # what has gone wrong so far, by kind

Runs on the event loop it is entered on. When one of its tasks fails, `wait` and the exit of ``async with`` raise it.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from aiohttp import web

from mmbot.errors import ConfigError
from mmbot.sim import endpoints_futures, endpoints_spot
from mmbot.sim.auth import Credential, KeyRing, credential_from_pem
from mmbot.sim.control import add_control
from mmbot.sim.exchange import SimExchange
from mmbot.sim.fault_driver import FaultDriver
from mmbot.sim.faults import Fault, FaultInjector
from mmbot.sim.gateway import Gateway
from mmbot.sim.limits import RateLimiter
from mmbot.sim.listen_keys import ListenKeys
from mmbot.sim.server_clock import NANOS, ServerClock
from mmbot.sim.streams import StreamHub
from mmbot.sim.tls import CertificateFiles, make_certificate
from mmbot.sim.venue_server import VenueServer

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Coroutine
    from types import TracebackType

    from mmbot.sim.exchange import User
    from mmbot.sim.futures import FuturesVenue
    from mmbot.sim.limits import RateLimit
    from mmbot.sim.server_config import Account, ConnectionRules, ServerConfig
    from mmbot.sim.spot import SpotVenue

FUTURES, SPOT = "binance_usdm", "binance_spot"
FUTURES_RULES = {"ping_interval_s": 180.0, "pong_timeout_s": 600.0, "messages_per_s": 10}
SPOT_RULES = {"ping_interval_s": 20.0, "pong_timeout_s": 60.0, "messages_per_s": 5}
HOUSEKEEPING_S = 1.0
PACE_BYTES = 256 << 10  # backlog at which a recording played as fast as it is consumed waits


@dataclass(frozen=True, slots=True)
class Urls:
    """Where one venue is reached; `ws` takes the real venue's paths behind it."""

    rest: str
    ws: str
    ws_api: str


class SimServer:
    """The simulated exchange with its protocol servers.

    Args:
        config: all of it.
        clock: returns UTC nanoseconds; another one makes time stand still in tests.
    """

    def __init__(self, config: ServerConfig, *, clock: Callable[[], int] = time.time_ns) -> None:
        self.config = config
        self.clock = ServerClock(clock)
        start_ns = self.clock.now_ns()
        self.exchange = SimExchange(config.exchange, start_ns=start_ns)
        self.injector = FaultInjector(config.faults, self.clock.now_s())
        self.keys = KeyRing()
        self.users: dict[str, User] = {}
        for account in config.accounts:
            self._open_account(account)
        self._servers = {
            FUTURES: self._venue_server(self.exchange.futures, config.futures_limits, spot=False),
            SPOT: self._venue_server(self.exchange.spot, config.spot_limits, spot=True),
        }
        self._driver = FaultDriver(self.injector, self._servers, self.clock, self._spawn)
        self._tasks: set[asyncio.Task[None]] = set()
        self._failure: asyncio.Future[None] | None = None
        self._stack = contextlib.AsyncExitStack()
        self._urls: dict[str, Urls] = {}
        self._certificate: CertificateFiles | None = None

    # -- what an embedder needs ---------------------------------------------------------------------------------

    @property
    def futures(self) -> Urls:
        """Where the futures venue is reached."""
        return self._urls[FUTURES]

    @property
    def spot(self) -> Urls:
        """Where the spot venue is reached."""
        return self._urls[SPOT]

    @property
    def ca_file(self) -> Path | None:
        """The authority to trust; None without TLS."""
        return self._certificate.ca_file if self._certificate else None

    def client_ssl(self) -> ssl.SSLContext | None:
        """A context that trusts this server; None without TLS."""
        return self._certificate.client_context() if self._certificate else None

    def user(self, account: str = "") -> User:
        """The exchange's handle on an account, the first one by default; raises KeyError for an unknown name."""
        return self.users[account or next(iter(self.users))]

    def credentials(self, account: str = "") -> tuple[str, str]:
        """API key and secret of an account, the first one by default."""
        user = self.user(account)
        return user.key, user.secret

    def ledger(self, account: str = "") -> dict[str, Any]:
        """The exchange's own exact books of an account, the first one by default."""
        return self.exchange.ledger(self.user(account))

    def inject(self, fault: Fault) -> None:
        """Make something go wrong, `fault.at_s` seconds from now."""
        now_s = self.clock.now_s()
        self.injector.add(fault, now_s)
        self._driver.run(now_s)

    def reset_limits(self) -> dict[str, Any]:
        """Forget rate-limit counts and bans; returns the status."""
        for server in self._servers.values():
            server.gateway.limiter.reset()
        return self.status()

    def status(self) -> dict[str, Any]:
        """Counters: requests, frames, connections, faults."""
        return {
            "venues": {
                name: {
                    "requests": server.requests,
                    "frames": server.hub.frames_out,
                    "connections": len(server.hub.connections),
                    "slow_consumers": server.hub.slow_consumers,
                }
                for name, server in self._servers.items()
            },
            "faults": {
                "injected": dict(self.injector.injected),
                "waiting": [fault.kind for fault in self.injector.waiting],
            },
            "finished": self.exchange.finished,
            "serverTime": int(self.clock.public_ms()),
        }

    async def wait(self) -> None:
        """Until a task of the server fails (raises its error); a healthy server waits forever."""
        if self._failure is not None:
            await asyncio.shield(self._failure)

    # -- start and stop -----------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        """Listen and start the market.

        Raises:
            ConfigError: a port is taken.
        """
        self._failure = asyncio.get_running_loop().create_future()
        try:
            await self._listen()
        except BaseException:
            await self._stack.aclose()
            raise
        self._spawn(self._run_market())
        self._spawn(self._keep_house())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Say goodbye to clients, stop the market, close the ports; raises the error of a failed task."""
        failure = self._failure
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(3.0):
                await asyncio.gather(*(server.close_all() for server in self._servers.values()))
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._stack.aclose()
        if failure is not None and failure.done():
            if kind is None:
                failure.result()
            failure.exception()
        elif failure is not None:
            failure.cancel()

    async def _listen(self) -> None:
        context = self._make_certificate().server_context() if self.config.tls else None
        ports = {FUTURES: self.config.futures_port, SPOT: self.config.spot_port}
        for name, server in self._servers.items():
            runner = web.AppRunner(server.app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
            await runner.setup()
            self._stack.push_async_callback(_close, runner)
            try:
                site = web.TCPSite(runner, self.config.host, ports[name], ssl_context=context)
                await site.start()
            except OSError as error:
                raise ConfigError(
                    f"simulated exchange: {name} cannot listen on {self.config.host}:{ports[name]}: {error.strerror}"
                ) from error
            self._urls[name] = self._address(name, runner)

    def _make_certificate(self) -> CertificateFiles:
        directory = self.config.tls_dir
        if directory is None:
            directory = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="exchange-tls-")))
        self._certificate = make_certificate(directory)
        return self._certificate

    def _address(self, name: str, runner: web.AppRunner) -> Urls:
        host, port = runner.addresses[0][:2]
        if ":" in str(host):
            host = f"[{host}]"
        http, ws = ("https", "wss") if self.config.tls else ("http", "ws")
        path = "/ws-fapi/v1" if name == FUTURES else "/ws-api/v3"
        return Urls(f"{http}://{host}:{port}", f"{ws}://{host}:{port}", f"{ws}://{host}:{port}{path}")

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or self._failure is None:
            return
        error = task.exception()
        if error is not None and not self._failure.done():
            self._failure.set_exception(error)

    # -- construction -------------------------------------------------------------------------------------------

    def _open_account(self, account: Account) -> None:
        key = account.api_key or secrets.token_hex(32)
        user = self.exchange.add_user(
            account.name,
            key=key,
            secret=account.api_secret or secrets.token_hex(32),
            futures=account.futures,
            spot=account.spot,
        )
        self.users[account.name] = user
        self.keys.add(Credential(user.key, account.name, secret=user.secret))
        if account.public_key_pem:
            self.keys.add(credential_from_pem(account.ed25519_key, account.name, account.public_key_pem))

    def _venue_server(
        self, venue: FuturesVenue | SpotVenue, limits: tuple[RateLimit, ...], *, spot: bool
    ) -> VenueServer:
        rules = _complete(self.config.rules, SPOT_RULES if spot else FUTURES_RULES)
        gateway = Gateway(
            venue=venue,
            wallet=self.exchange.spot,
            users=self.users,
            keys=self.keys,
            limiter=RateLimiter(limits, enforce=self.config.enforce_limits),
            listen_keys=ListenKeys(rules.listen_key_s, f"{self.config.exchange.seed}/{venue.name}"),
            injector=self.injector,
            clock=self.clock,
        )
        table = endpoints_spot if spot else endpoints_futures
        return VenueServer(
            gateway,
            StreamHub(venue, self.injector),
            table.REST,
            table.WS_API,
            ws_api_path="/ws-api/v3" if spot else "/ws-fapi/v1",
            rules=rules,
            routed=not spot,
            unrouted=spot or not self.config.routed_only,
            pump=self._pump,
            extra_routes=lambda app: add_control(app, self),
        )

    # -- running ------------------------------------------------------------------------------------------------

    def _pump(self) -> None:
        servers = self._servers
        for event in self.exchange.take_events():
            servers[event.venue].hub.publish(event)

    async def _run_market(self) -> None:
        clock, exchange, steps = self.clock, self.exchange, self.config.steps
        longest_s = self.config.wake_ms / 1000
        consumed = self.config.exchange.source == "recording" and self.config.exchange.speed == 0
        while True:
            now_ns = clock.now_ns()
            due_ns = now_ns + NANOS if consumed and not self._ready() else exchange.advance(now_ns, budget=steps)
            self._pump()
            self._driver.run(now_ns / NANOS)
            wait_s = (due_ns - clock.now_ns()) / NANOS
            await asyncio.sleep(min(max(wait_s, 0.0), longest_s))

    def _ready(self) -> bool:
        """Whether a recording that is played as fast as it is consumed may go on."""
        hubs = [server.hub for server in self._servers.values()]
        return any(hub.listening for hub in hubs) and all(hub.backlog <= PACE_BYTES for hub in hubs)

    async def _keep_house(self) -> None:
        shortest = min(
            value
            for server in self._servers.values()
            for value in (server.rules.max_age_s, server.rules.ping_interval_s, server.rules.listen_key_s)
        )
        while True:
            await asyncio.sleep(min(HOUSEKEEPING_S, shortest / 4))
            for server in self._servers.values():
                server.look_after(self._spawn)


def _complete(rules: ConnectionRules, venue: dict[str, Any]) -> ConnectionRules:
    return replace(rules, **{name: value for name, value in venue.items() if not getattr(rules, name)})


async def _close(runner: web.AppRunner) -> None:
    """Stop listening and cut what is still connected: a TLS client that is gone never says goodbye."""
    for handler in runner.server.connections if runner.server else ():
        if handler.transport is not None:
            handler.transport.abort()
    await runner.cleanup()
