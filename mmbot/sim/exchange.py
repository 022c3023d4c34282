"""The simulated exchange without any I/O: users, orders, matching, money and market data of two venues.

It reads no clock and opens no socket. Every method takes the time it happens at (`now_ns`, UTC nanoseconds; a time
before the last one seen counts as the last one), and all that leaves is in `take_events()` or is the return value.
The same seed and the same calls give the same events, byte for byte.

A protocol server does this, on one thread::

    exchange = SimExchange(ExchangeConfig(seed=7), start_ns=now)
    exchange.add_user("bot", key="k", secret="s", futures={"USDT": "100000"}, spot={"USDT": "100000", "BTC": "1"})
    exchange.futures.subscribe("btcusdt@depth@100ms")        # only what is subscribed is produced
    ...
    due_ns = exchange.advance(now)                           # bounded work; call again at due_ns (<= now: at once)
    answer = exchange.futures.new_order(user, params, now)   # wire-shaped answer, or raises Refused
    for event in exchange.take_events(): ...                 # in the order in which they happened

Signatures, ``timestamp``/``recvWindow``, rate limits, listen keys and injected transport faults are the server's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from mmbot.sim import ledger
from mmbot.sim.futures import FuturesVenue
from mmbot.sim.minor import perpetual, spot_market
from mmbot.sim.recording import RecordingSource
from mmbot.sim.schedule import NEVER, Schedule
from mmbot.sim.spot import SpotVenue
from mmbot.sim.traders import TraderSource
from mmbot.sim.users import User

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mmbot.sim.events import Event
    from mmbot.sim.instruments import SimInstrument
    from mmbot.sim.market import Market
    from mmbot.sim.venue import Venue


@dataclass(frozen=True, slots=True)
class ExchangeConfig:
    """What the exchange is made of.

    Attributes:
        source: ``"traders"`` (simulated crowd) or ``"recording"`` (recorded frames drive the market).
        seed: of the crowd and of everything else that is random.
        symbols: listed on both venues: ``BTCUSDT`` and ``ETHUSDT`` with the real venues' units, any other
            ``<BASE>USDT`` with units made up from its name. Of more than 20, those have a crowd a hundredth as busy.
        funding_interval_s: between funding settlements (28,800 on the real venue; tests and demos use e.g. 60).
        recordings: for ``"recording"``: (venue, symbol) -> hft-format file, e.g. ``("binance_usdm", "BTCUSDT")``.
        speed: recorded seconds per second; 0 plays as fast as `SimExchange.advance` is called.
        loop: start the recording again at its end (update and trade ids go on increasing by an offset; the frames'
            ids are then rewritten from the second round on).
        shift_timestamps: rewrite the ``E`` and ``T`` of replayed frames to the exchange's clock. False passes the
            recorded bytes through untouched, with the time of their recording in them. In both cases the exchange's
            clock (``/time``, private messages, trades of users) is the `now_ns` passed in.
        activity: scales the crowd's event rate; 1.0 is about 500 level changes and 60 trades a second on a perpetual,
            350 and 35 on a spot market.
    """

    source: Literal["traders", "recording"] = "traders"
    seed: int = 1
    symbols: tuple[str, ...] = ("BTCUSDT", "ETHUSDT")
    funding_interval_s: float = 28_800.0
    recordings: Mapping[tuple[str, str], Path] = field(default_factory=dict)
    speed: float = 1.0
    loop: bool = False
    shift_timestamps: bool = False
    activity: float = 1.0


class Source(Protocol):
    """What makes the markets move."""

    @property
    def finished(self) -> bool:
        """Nothing will come any more."""
        ...

    @property
    def next_ns(self) -> int:
        """When it has something to do next."""
        ...

    def open(self, venue: Venue, instrument: SimInstrument) -> Market | None:
        """List a symbol; None if the source has no such market."""
        ...

    def step(self, limit_ns: int) -> None:
        """Do one thing that is due by `limit_ns`."""
        ...


class SimExchange:
    """Both venues, their users, and what moves the markets.

    Args:
        config: what it is made of.
        start_ns: the time it begins at.

    Attributes:
        futures: the USD-M venue.
        spot: the spot venue.
    """

    def __init__(self, config: ExchangeConfig, *, start_ns: int) -> None:
        self.config = config
        self._outbox: list[Event] = []
        self._schedule = Schedule(start_ns)
        self.spot = SpotVenue(self._outbox, self._schedule)
        self.futures = FuturesVenue(self._outbox, self._schedule)
        self._users: dict[str, User] = {}
        self._source: Source
        if config.source == "traders":
            self._source = TraderSource(
                config.seed, self._schedule, activity=config.activity, markets=len(config.symbols)
            )
        else:
            self._source = RecordingSource(
                config.recordings,
                self._schedule,
                speed=config.speed,
                loop=config.loop,
                shift_timestamps=config.shift_timestamps,
            )
        for symbol in config.symbols:
            self._source.open(self.spot, spot_market(symbol))
            self._source.open(self.futures, perpetual(symbol))
        self.futures.clearing.start(self.spot.markets, round(config.funding_interval_s * 1e9))

    def add_user(
        self,
        name: str,
        *,
        key: str,
        secret: str,
        futures: Mapping[str, str] | None = None,
        spot: Mapping[str, str] | None = None,
    ) -> User:
        """Open an account on both venues with these balances (asset -> decimal text).

        Raises:
            ValueError: the name or key is taken, or a balance has more than 8 decimals.
        """
        if key in self._users or any(user.name == name for user in self._users.values()):
            raise ValueError(f"user {name!r}: expected a new name and key, found one that is taken")
        user = User(name, key, secret, len(self._users) + 1)
        self.futures.open_account(user, futures or {})
        self.spot.open_account(user, spot or {})
        self._users[key] = user
        return user

    def user_by_key(self, key: str) -> User | None:
        """Whose API key this is."""
        return self._users.get(key)

    def users(self) -> list[User]:
        """All users, in the order of their opening."""
        return list(self._users.values())

    def advance(self, now_ns: int, *, budget: int = 512) -> int:
        """Let the market move on to `now_ns`, in at most `budget` steps (a step is a few microseconds).

        Returns:
            The time at which something is due next; `now_ns` or less when the budget ran out before the work did.
        """
        schedule, source = self._schedule, self._source
        for _ in range(budget):
            timer_ns, source_ns = schedule.next_ns, source.next_ns
            if min(timer_ns, source_ns) > now_ns:
                schedule.at(now_ns)
                return min(timer_ns, source_ns)
            if timer_ns <= source_ns:
                schedule.run_next()
            else:
                source.step(min(now_ns, timer_ns))
        return min(schedule.next_ns, source.next_ns)

    def take_events(self) -> list[Event]:
        """All events since the last call, in order."""
        events = self._outbox.copy()
        self._outbox.clear()
        return events

    @property
    def now_ns(self) -> int:
        """The latest time seen."""
        return self._schedule.now_ns

    @property
    def finished(self) -> bool:
        """A recording has been played to its end (never, with traders or `loop`)."""
        return self._source.finished

    def ledger(self, user: User) -> dict[str, Any]:
        """The exchange's own exact books of a user, for comparison with the bot's; see `mmbot.sim.ledger`."""
        return {
            self.futures.name: ledger.of_futures(self.futures, user),
            self.spot.name: ledger.of_spot(self.spot, user),
        }


__all__ = ["NEVER", "ExchangeConfig", "SimExchange", "Source", "User"]
