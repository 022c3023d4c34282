"""The whole file as one model, and the checks that span sections."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, PrivateAttr

from mmbot.config.backtest import BacktestConfig
from mmbot.config.connections import PERPETUAL_KINDS, MarketConfig, VenueConfig
from mmbot.config.document import Document
from mmbot.config.exchange import ExchangeConfig, RecordingConfig
from mmbot.config.fields import UNIFIED_SYMBOL, Id, Section, split_listen
from mmbot.config.process import BotConfig, JournalConfig, MetricsConfig
from mmbot.config.trading import HedgeGroup, RiskConfig, StrategyConfig

MAX_MARKETS = 64
"""What the core has room for (`MAX_MARKETS` of `mmbot._core.gate`)."""
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
Finding = tuple[tuple[str | int, ...], str]
"""Where (key path) and what is wrong."""


class Config(Section):
    """One bot: the parsed and checked content of its YAML file."""

    bot: BotConfig
    """The process itself."""
    venues: Annotated[dict[Id, VenueConfig], Field(min_length=1)]
    """Accounts on venues, by an id of your choice."""
    exchange: ExchangeConfig | None = None
    """The embedded exchange; needed when a venue's endpoint is `sim`."""
    markets: Annotated[dict[Id, MarketConfig], Field(min_length=1)]
    """Markets, by an id of your choice; the order here is their order everywhere."""
    strategy: StrategyConfig
    """The plugin that decides the quotes."""
    hedge: dict[Annotated[str, Field(pattern=r"^[A-Z0-9]+$")], HedgeGroup] = {}
    """How fills are hedged, by base asset; nothing is hedged without it."""
    risk: RiskConfig
    """Limits that no order and no session may exceed."""
    journal: JournalConfig = JournalConfig()
    """What a run writes down."""
    metrics: MetricsConfig = MetricsConfig()
    """The HTTP endpoint for Prometheus and health checks."""
    backtest: BacktestConfig | None = None
    """What `mmbot backtest` plays; a run does not look at it."""

    _path: Path | None = PrivateAttr(default=None)
    _document: Document = PrivateAttr(default_factory=lambda: Document("<config>", data={}))

    @property
    def path(self) -> Path | None:
        """File it was read from; None when it was built in memory."""
        return self._path

    @property
    def strategy_folders(self) -> list[Path]:
        """Folders of own plugins, with those of the file resolved against its place; the last one is that place."""
        base = self._path.parent if self._path is not None else Path()
        return [*(base / folder.expanduser() for folder in self.strategy.search), base]

    @property
    def live(self) -> bool:
        """Whether any venue is the real one, with real money."""
        return any(venue.endpoint == "live" for venue in self.venues.values())

    def effective(self) -> dict[str, Any]:
        """Every value in force, defaults included, as plain data for a journal header or `--json`; holds no secret."""
        return self.model_dump(mode="json")


def cross_check(config: Config) -> list[Finding]:
    """What single sections cannot see: names that nothing has, roles that do not fit, a market on the wrong venue."""
    return [
        *_markets(config),
        *_exchange(config),
        *_strategy(config),
        *_hedge(config),
        *_risk(config),
        *_metrics(config),
        *_backtest(config),
    ]


def _known(where: tuple[str | int, ...], name: str, config: Config) -> list[Finding]:
    if name in config.markets:
        return []
    return [(where, f"found market {name!r}, which `markets` does not have; allowed: {', '.join(config.markets)}")]


def _markets(config: Config) -> list[Finding]:
    findings: list[Finding] = []
    if len(config.markets) > MAX_MARKETS:
        findings.append((("markets",), f"found {len(config.markets)} markets; one bot has at most {MAX_MARKETS}"))
    seen: dict[tuple[str, str], str] = {}
    for name, market in config.markets.items():
        venue = config.venues.get(market.venue)
        if venue is None:
            allowed = ", ".join(config.venues)
            text = f"found venue {market.venue!r}, which `venues` does not have; allowed: {allowed}"
            findings.append((("markets", name, "venue"), text))
            continue
        if UNIFIED_SYMBOL.fullmatch(market.symbol):
            perpetual = venue.kind in PERPETUAL_KINDS
            if venue.kind != "tape" and perpetual != (":" in market.symbol):
                form = "a perpetual, as BTC/USDT:USDT" if perpetual else "a spot market, as BTC/USDT"
                text = f"found {market.symbol!r}; {venue.kind} trades {form}"
                findings.append((("markets", name, "symbol"), text))
        twin = seen.setdefault((market.venue, market.symbol), name)
        if twin != name:
            findings.append((("markets", name, "symbol"), f"is the same market as `markets.{twin}`"))
    return findings


def _exchange(config: Config) -> list[Finding]:
    simulated = [n for n, venue in config.venues.items() if venue.endpoint == "sim" and venue.kind != "tape"]
    if simulated and config.exchange is None and config.backtest is None:
        text = (
            f"is missing; venue {simulated[0]!r} has the endpoint sim, which needs it (source: traders, or recording)"
        )
        return [(("exchange",), text)]
    findings: list[Finding] = []
    if isinstance(config.exchange, RecordingConfig):
        for name in config.exchange.files:
            findings += _known(("exchange", "files", name), name, config)
        findings += [
            (("exchange", "files"), f"has no recording of market {name!r}")
            for name, market in config.markets.items()
            if market.venue in simulated and name not in config.exchange.files
        ]
    return findings


def _strategy(config: Config) -> list[Finding]:
    findings: list[Finding] = []
    for i, name in enumerate(config.strategy.markets):
        where = ("strategy", "markets", i)
        findings += _known(where, name, config)
        if name in config.markets and config.markets[name].role != "maker":
            findings.append(
                (where, f"market {name!r} has the role {config.markets[name].role}; a quoted one is a maker")
            )
    for i, name in enumerate(config.strategy.observes):
        findings += _known(("strategy", "observes", i), name, config)
    return findings


def _hedge(config: Config) -> list[Finding]:
    findings: list[Finding] = []
    for asset, group in config.hedge.items():
        for i, name in enumerate(group.markets):
            where = ("hedge", asset, "markets", i)
            findings += _known(where, name, config)
            market = config.markets.get(name)
            if market is None:
                continue
            if market.role == "observe":
                findings.append((where, f"market {name!r} has the role observe; a hedge needs hedge or maker"))
            unified = UNIFIED_SYMBOL.fullmatch(market.symbol) is not None
            if market.symbol.partition("/")[0] != asset if unified else not market.symbol.startswith(asset):
                findings.append((where, f"market {name!r} trades {market.symbol}, which does not hedge {asset}"))
    return findings


def _risk(config: Config) -> list[Finding]:
    return [finding for name in config.risk.markets for finding in _known(("risk", "markets", name), name, config)]


def _metrics(config: Config) -> list[Finding]:
    host, _ = split_listen(config.metrics.listen)
    if host in LOOPBACK or config.metrics.public:
        return []
    text = f"found {host}, which is reachable from outside; allowed: 127.0.0.1, ::1, localhost, or set `public: true`"
    return [(("metrics", "listen"), text)]


def _backtest(config: Config) -> list[Finding]:
    if config.backtest is None:
        text = "is known to backtests alone, and there is no section `backtest`"
        return [(("venues", name, "kind"), text) for name, venue in config.venues.items() if venue.kind == "tape"]
    where, data = ("backtest", "data"), config.backtest.data
    findings = [finding for name in data for finding in _known((*where, name), name, config)]
    if config.backtest.session is None:
        findings += [(where, f"has no tape of market {name!r}") for name in config.markets if name not in data]
    for name in config.backtest.markets:
        findings += _known(("backtest", "markets", name), name, config)
    return findings
