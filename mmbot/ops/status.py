"""One picture of a running bot, for everything that shows it: the terminal view, `/metrics`, `mmbot status`.

The engine's shell fills a `StatusSnapshot` on request (a few times a second, never on the hot path). It is plain data
in the units people read: prices and quantities are exact decimal text, money is a float of the quote asset, times are
seconds or microseconds as the name says.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Literal

BotState = Literal["starting", "running", "paused", "stopping", "stopped"]
RiskLevel = Literal["normal", "pull_quotes", "reduce_only", "flatten", "halt"]


@dataclass(frozen=True, slots=True)
class PriceLevel:
    """One price with its quantity, as exact decimals."""

    price: str
    qty: str


@dataclass(frozen=True, slots=True)
class QuoteView:
    """One of our working orders.

    Attributes:
        side: ``buy`` or ``sell``.
        price: Exact decimal, quote units.
        qty: Open quantity, exact decimal.
        state: State of the order, as ``live`` or ``pending_cancel``.
        purpose: ``quote``, ``hedge`` or ``flatten``.
    """

    side: Literal["buy", "sell"]
    price: str
    qty: str
    state: str
    purpose: str = "quote"


@dataclass(frozen=True, slots=True)
class PnlView:
    """Profit and loss in the quote asset; `total` is the sum of the parts."""

    total: float = 0.0
    spread: float = 0.0
    inventory: float = 0.0
    hedge: float = 0.0
    fees: float = 0.0
    funding: float = 0.0


@dataclass(frozen=True, slots=True)
class LatencyView:
    """Percentiles of one hop in microseconds; NaN-free: a hop without a sample is left out of the snapshot."""

    p50_us: float
    p99_us: float
    p999_us: float
    max_us: float
    count: int


@dataclass(frozen=True, slots=True)
class MarketView:
    """One market.

    Attributes:
        id: Its id in the config.
        venue: Id of its venue.
        symbol: Unified symbol.
        role: ``maker``, ``hedge`` or ``observe``.
        trusted: Whether the book is provably in sync.
        trust: The status in a word, as ``synced``, ``buffering``, ``stale``.
        bids: Best levels first.
        asks: Best levels first.
        quotes: Our working orders.
        position: Signed, base units, exact decimal.
        entry_price: Average entry; None when flat.
        mark_price: None when not known.
        pnl: This market's share.
        book_age_s: Since the last book message; None before the first.
    """

    id: str
    venue: str
    symbol: str
    role: str
    trusted: bool = False
    trust: str = "starting"
    bids: tuple[PriceLevel, ...] = ()
    asks: tuple[PriceLevel, ...] = ()
    quotes: tuple[QuoteView, ...] = ()
    position: str = "0"
    entry_price: str | None = None
    mark_price: str | None = None
    pnl: PnlView = PnlView()
    book_age_s: float | None = None


@dataclass(frozen=True, slots=True)
class FeedView:
    """One market data connection."""

    name: str
    up: bool
    messages: int = 0
    reconnects: int = 0


@dataclass(frozen=True, slots=True)
class HedgeView:
    """How far one asset is from its hedge target, in base units."""

    asset: str
    net_delta: float
    backlog: float
    oldest_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class StatusSnapshot:
    """Everything worth showing about a bot at one moment.

    Attributes:
        bot: Name of the bot.
        state: Where the process is in its life.
        level: The session's risk level.
        reason: Why the level or state is what it is; empty when all is well.
        strategy: Id of the plugin in force.
        strategy_hash: First hex digits of its code's hash.
        params: The plugin's parameters.
        paper: False when real money is at stake.
        ready: Whether every maker market is quoted on now: no limit, no pause, no book in doubt stands against it.
        uptime_s: Since the start of the run.
        ts: UTC time of the picture, ISO 8601.
        markets: In config order.
        feeds: In order of their index.
        hedges: One for each hedge group.
        pnl: All markets together.
        latency_us: By hop, in the order of the way.
        counters: Monotonic counts by name (``events``, ``orders_placed``, ``fills``, …): become ``mmbot_<name>_total``.
        rates: By venue, how much of each of its rate budgets is used, and its limits, by name.
        gauges: Custom metrics of the plugin, and other plain values by name.
        run_dir: Folder of this run.
    """

    bot: str
    state: BotState = "starting"
    level: RiskLevel = "normal"
    reason: str = ""
    strategy: str = ""
    strategy_hash: str = ""
    params: dict[str, Any] = field(default_factory=dict)
    paper: bool = True
    ready: bool = False
    uptime_s: float = 0.0
    ts: str = ""
    markets: tuple[MarketView, ...] = ()
    feeds: tuple[FeedView, ...] = ()
    hedges: tuple[HedgeView, ...] = ()
    pnl: PnlView = PnlView()
    latency_us: dict[str, LatencyView] = field(default_factory=dict)
    counters: dict[str, int] = field(default_factory=dict)
    rates: dict[str, dict[str, float]] = field(default_factory=dict)
    gauges: dict[str, float] = field(default_factory=dict)
    run_dir: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return dataclasses.asdict(self)


@dataclass(frozen=True, slots=True)
class Frame:
    """What the bot sends to its terminal view: a snapshot and the last log lines, newest last."""

    snapshot: StatusSnapshot
    log: tuple[str, ...] = ()
