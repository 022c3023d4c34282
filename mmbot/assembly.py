"""From a specification to an engine: the one construction that a live run, a replay and a backtest share.

A `Spec` is plain data, the body of the journal's START record: the effective config, what the venues said about the
instruments, the plugin's very code, and what the ledger remembered. Equal specs give equal engines.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from mmbot._core.decode import Decoder
from mmbot._core.engine import Engine
from mmbot._core.execution import Execution
from mmbot._core.gate import RiskGate
from mmbot._core.hedge import HedgeGroup
from mmbot._core.host import PluginHost
from mmbot._core.latency import LatencyBoard
from mmbot._core.limits import Cause, RiskLevel, SessionLimits
from mmbot._core.margin import MarginTiers
from mmbot._core.market import Market
from mmbot._core.orders import OrderTable
from mmbot._core.rate import RateBudget
from mmbot._core.reconcile import Reconciler
from mmbot._core.types import Instrument
from mmbot.config import Config
from mmbot.errors import ConfigError, PluginError
from mmbot.plugins import Plugin, load_file, load_source

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mmbot._core.eventlog import EventRing
    from mmbot._core.strategy import Strategy
    from mmbot.strategy import Params

INSTRUMENT_FIELDS = (
    "venue", "symbol", "venue_symbol", "base_asset", "quote_asset", "settle_asset", "tick_size", "lot_size",
    "contract_size", "perpetual", "inverse", "amend_keeps_priority", "amend_any", "min_qty_lots", "max_qty_lots",
    "min_price_ticks", "max_price_ticks", "min_notional_e8", "max_open_orders", "maker_fee", "taker_fee",
)  # fmt: skip

# Order messages that the venue itself allows an account: (limit, window_ns, reserved for cancels, cancels count).
VENUE_BUDGETS: dict[str, list[tuple[int, int, int, bool]]] = {
    "binance_usdm": [(300, 10_000_000_000, 0, False), (1200, 60_000_000_000, 0, False)],
    "binance_spot": [(100, 10_000_000_000, 0, False)],
    "tape": [],
}
MAX_ASSETS = 32
MAX_SHOCK = 0.99
LIQUIDATION_PPM, HEALTHY_PPM = 1_000_000, 900_000  # maintenance margin over equity after the watched move
MAX_LOTS = 1 << 60
# Where a venue does not tell its maintenance margins: higher than any major market asks of a position of that size.
DEFAULT_TIERS = [("0", "0.05"), ("1000000", "0.10"), ("10000000", "0.25")]


class PluginSpec(msgspec.Struct, frozen=True):
    """Which code runs with which parameters; `source` is empty for a compiled plugin, which is found by `path`."""

    id: str
    code_hash: str
    source: str
    path: str
    params: dict[str, Any]

    @classmethod
    def of(cls, plugin: Plugin, params: Params) -> PluginSpec:
        """Describe a loaded plugin."""
        return cls(plugin.id, plugin.code_hash, plugin.source, str(plugin.path), params.model_dump(mode="json"))

    def load(self) -> Plugin:
        """Load exactly this code.

        Raises:
            PluginError: it does not run, or a compiled plugin's file is gone or another one.
        """
        if self.source:
            return load_source(self.source, Path(self.path))
        plugin = load_file(Path(self.path))
        if plugin.code_hash != self.code_hash:
            raise PluginError(
                f"compiled strategy {self.path}: expected code {self.code_hash[:12]}, found {plugin.code_hash[:12]}"
            )
        return plugin


class SwapRecord(msgspec.Struct, frozen=True):
    """Body of the journal's SWAP record."""

    plugin: PluginSpec
    shadow_ns: int = 0


class Restored(msgspec.Struct, frozen=True):
    """What the ledger remembers about a market: position, and the trades that made it."""

    lots: int = 0
    entry_price: str = "0"
    base_fees_e8: int = 0
    baseline_e8: int | None = None
    trade_ids: list[tuple[int, int]] = []  # (side, trade id), newest last


class Spec(msgspec.Struct, frozen=True):
    """Everything an engine is built from."""

    config: dict[str, Any]
    instruments: dict[str, dict[str, Any]]
    feeds: list[int]  # venue index of each market-data feed
    plugin: PluginSpec
    session: int
    version: str
    restored: dict[str, Restored] = {}
    start_ns: int = 0  # of a backtest; else the session's milliseconds say it
    venue_limits: bool = True  # order messages the venue allows are reckoned with
    margin: dict[str, list[tuple[str, str]]] = {}  # maintenance tiers of perpetuals: (notional from which, rate)

    def encode(self) -> bytes:
        """The body of START."""
        return msgspec.json.encode(self)

    @classmethod
    def decode(cls, body: bytes) -> Spec:
        """Read a START body.

        Raises:
            msgspec.DecodeError: it is not one.
        """
        return msgspec.json.decode(body, type=cls)


@dataclass(slots=True)
class Assembly:
    """An engine and the names around it."""

    engine: Engine
    config: Config
    venue_ids: list[str]
    market_ids: list[str]
    assets: list[str]
    plugin: Plugin
    spec: Spec
    hedged: dict[str, HedgeGroup] = field(default_factory=dict)

    def asset_index(self, name: str) -> int:
        """The small number of an asset name; unknown names get the next one.

        Raises:
            ValueError: more assets than the table holds.
        """
        if name not in self.assets:
            if len(self.assets) >= MAX_ASSETS:
                raise ValueError(f"asset {name}: more than {MAX_ASSETS} different fee assets")
            self.assets.append(name)
        return self.assets.index(name)


def instrument_fields(instrument: Instrument) -> dict[str, Any]:
    """An instrument as plain data that `Instrument` takes back."""
    return {name: getattr(instrument, name) for name in INSTRUMENT_FIELDS}


def listed_assets(instruments: Iterable[Instrument]) -> list[str]:
    """Names of the assets that markets trade and pay in; an engine's small number of one is its place here."""
    return list(dict.fromkeys(a for i in instruments for a in (i.settle_asset, i.quote_asset, i.base_asset)))


def assemble(spec: Spec, *, ring: EventRing | None = None, plugin: Plugin | None = None) -> Assembly:
    """Build the engine of `spec` and start its plugin; with `ring`, START is journalled as the first record.

    Raises:
        PluginError: the plugin or its params are wrong.
        ConfigError: a hedge market trades another asset than it is to hedge.
    """
    config = Config.model_validate(spec.config)
    venue_ids, market_ids = list(config.venues), list(config.markets)
    venue_of = [venue_ids.index(config.markets[m].venue) for m in market_ids]
    instruments = [Instrument(**spec.instruments[m]) for m in market_ids]
    assets = listed_assets(instruments)
    markets = tuple(
        Market(i, name, instrument, feed=-1, maker=config.markets[name].role == "maker",
               settle_asset=assets.index(instrument.settle_asset))
        for i, (name, instrument) in enumerate(zip(market_ids, instruments, strict=True))
    )  # fmt: skip
    execution = _execution(spec, config, markets, venue_of, ring)
    groups = _groups(config, markets, execution)
    decoders = tuple(
        Decoder(
            config.venues[venue_ids[venue]].kind,
            {m.instrument.venue_symbol: (m.index, m.instrument) for m in markets if venue_of[m.index] == venue},
        )
        for venue in spec.feeds
    )
    heard = config.markets if config.strategy.wake == "message" else ()
    ids = dict.fromkeys((*config.strategy.markets, *config.strategy.observes, *heard))
    seen = tuple(markets[market_ids.index(m)] for m in ids)
    host = PluginHost(seen, len(markets), rollback=config.strategy.on_error == "rollback")
    restored = {market_ids.index(name): r for name, r in spec.restored.items()}
    baselines = {i: r.baseline_e8 for i, r in restored.items() if r.baseline_e8 is not None}
    engine = Engine(
        markets, decoders, execution, host, _limits(config), groups,
        Reconciler(execution, markets, baselines), LatencyBoard(),
        venue_of=venue_of, ring=ring,
        feeds=spec.feeds,
        stale_ns=config.risk.stale_book_ms * 1_000_000,
        latency_budget_ns=int((config.risk.max_feed_latency_ms or 0) * 1e6),
        near_distance=min(config.risk.min_liquidation_distance_pct / 100, MAX_SHOCK),
        close_distance=min(config.risk.flatten_distance_pct / 100, MAX_SHOCK),
        settle_assets=[assets.index(i.settle_asset) for i in instruments],
        base_assets=[assets.index(i.base_asset) for i in instruments],
        patient=config.strategy.acts == "on_declare", wake_always=config.strategy.wake == "message",
    )  # fmt: skip
    start_ns = spec.start_ns or spec.session * 1_000_000
    engine.note_start(spec.encode(), start_ns)
    for index, r in restored.items():
        engine.restore(index, r.lots, Decimal(r.entry_price), r.base_fees_e8)
        for side, trade_id in r.trade_ids:
            execution.table.trades.learn(index, side, trade_id)
    loaded = plugin or spec.plugin.load()
    params = loaded.params(spec.plugin.params)
    refused = engine.swap(loaded.create(), params, loaded.id, msgspec.json.encode(SwapRecord(spec.plugin)), start_ns)
    if refused:
        raise PluginError(f"strategy {loaded.id}: {refused}")
    return Assembly(engine, config, venue_ids, market_ids, assets, loaded, spec, {g.asset: g for g in groups})


def candidate(spec: PluginSpec) -> tuple[Strategy, Params]:
    """Load the plugin of a SWAP record and construct it.

    Raises:
        PluginError: it does not load, or its params are wrong.
    """
    plugin = spec.load()
    return plugin.create(), plugin.params(spec.params)


def _execution(
    spec: Spec, config: Config, markets: tuple[Market, ...], venue_of: list[int], ring: EventRing | None
) -> Execution:
    risk = config.risk
    gate = RiskGate()
    for market in markets:
        instrument, own = market.instrument, risk.markets.get(market.id)

        def limit(name: str, own: Any = own) -> Any:
            value = getattr(own, name, None)
            return getattr(risk, name) if value is None else value

        lot = Decimal(instrument.lot_size) * Decimal(instrument.contract_size)
        gate.configure(
            market.index, instrument,
            max_position_lots=_lots(limit("max_position"), lot),
            max_order_lots=max(_lots(limit("max_order_qty"), lot), 1),
            max_order_notional_e8=_e8(Decimal(limit("max_order_notional"))),
            price_band=float(limit("price_band_bps")) / 1e4,
            max_open_orders=min(limit("max_open_orders"), instrument.max_open_orders),
            margin=_margin(spec, market) if instrument.perpetual else None,
            shock=_shock(risk.shock_pct, risk.min_liquidation_distance_pct),
            self_trade=risk.self_trade == "venue",
        )  # fmt: skip
    budgets = []
    for venue_id in config.venues:
        cancels = max(int(risk.cancels_per_s * risk.order_burst / risk.orders_per_s), 1)
        ours = (risk.order_burst + cancels, int(1e9 * risk.order_burst / risk.orders_per_s), cancels, True)
        theirs = VENUE_BUDGETS[config.venues[venue_id].kind] if spec.venue_limits else []
        budgets.append(RateBudget([ours, *theirs]))
    slowest = max(v.order_timeout_ms for v in config.venues.values()) * 1_000_000
    window = max(v.recv_window_ms for v in config.venues.values()) * 1_000_000
    table = OrderTable(
        len(markets), ack_timeout_ns=slowest, grace_ns=max(window + 1_000_000_000, slowest), retry_ns=500_000_000
    )
    execution = Execution(table, gate, tuple(budgets), venue_of, ring)
    for market in markets:
        execution.set_rules(
            market.index,
            tolerance_ticks=config.strategy.price_tolerance_ticks,
            tolerance_qty_ppm=int(config.strategy.qty_tolerance_pct * 1e4),
            amend_any=config.strategy.moves == "amend" and market.instrument.amend_any,
            amend_smaller=config.strategy.moves == "amend" and market.instrument.amend_keeps_priority,
            overlap=config.strategy.moves == "overlap",
        )
    return execution


def _margin(spec: Spec, market: Market) -> MarginTiers:
    tiers = spec.margin.get(market.id) or DEFAULT_TIERS
    return MarginTiers([floor for floor, _ in tiers], [rate for _, rate in tiers])


def _shock(shock_pct: float, distance_pct: float) -> float:
    """The one move that leaves the asked distance from liquidation behind it, as a fraction."""
    return min((1 + shock_pct / 100) * (1 + distance_pct / 100) - 1, MAX_SHOCK)


def _groups(config: Config, markets: tuple[Market, ...], execution: Execution) -> tuple[HedgeGroup, ...]:
    by_id = {m.id: m for m in markets}
    groups = []
    for asset, policy in config.hedge.items():
        hedges = tuple(by_id[name] for name in policy.markets)
        for market in hedges:
            if (base := market.instrument.base_asset) != asset:
                raise ConfigError(f"hedge.{asset}.markets: {market.id} trades {base}, which does not hedge {asset}")
        makers = tuple(m for m in markets if m.instrument.base_asset == asset and m not in hedges and m.maker)
        backlog = policy.max_backlog if policy.max_backlog is not None else config.risk.max_order_qty * 10
        groups.append(
            HedgeGroup(
                asset, makers, hedges, execution,
                target=float(policy.target_delta), band=float(policy.band), ratio=float(policy.ratio),
                max_slippage=float(policy.max_slippage_bps) / 1e4, passive_first=policy.urgency == "passive_first",
                passive_deadline_ns=policy.passive_deadline_ms * 1_000_000, retry_ns=policy.retry_ms * 1_000_000,
                max_attempts=policy.max_attempts, max_backlog=float(backlog),
                max_backlog_ns=policy.max_backlog_ms * 1_000_000, one_at_a_time=policy.one_at_a_time,
            )
        )  # fmt: skip
    return tuple(groups)


def _limits(config: Config) -> SessionLimits:
    """What each breach does: money limits flatten and wait for a person, passing troubles pull quotes and heal."""
    risk, limits = config.risk, SessionLimits()
    cooldown = int(risk.resume_after_s * 1e9)
    limits.configure(Cause.DAILY_LOSS, level=RiskLevel.FLATTEN, enter=_e8(risk.max_daily_loss), manual=True)
    limits.configure(Cause.DRAWDOWN, level=RiskLevel.FLATTEN, enter=_e8(risk.max_drawdown), manual=True)
    limits.configure(Cause.POSITION_MISMATCH, level=RiskLevel.PULL_QUOTES, enter=1, leave=0, cooldown_ns=cooldown)
    limits.configure(Cause.LIQUIDATION_NEAR, level=RiskLevel.REDUCE_ONLY, enter=LIQUIDATION_PPM, leave=HEALTHY_PPM,
                     cooldown_ns=cooldown)  # fmt: skip
    limits.configure(Cause.LIQUIDATION_CLOSE, level=RiskLevel.FLATTEN, enter=LIQUIDATION_PPM, manual=True)
    limits.configure(Cause.PLUGIN_FAILURE, level=RiskLevel.PULL_QUOTES, enter=1, leave=0)
    passing = [
        (Cause.STALE_DATA, risk.stale_book_ms * 1_000_000),
        (Cause.CLOCK_SKEW, risk.max_clock_skew_ms * 1_000_000),
        (Cause.REJECT_STREAK, risk.max_reject_streak),
    ]
    if config.hedge:
        passing.append((Cause.HEDGE_BACKLOG, min(g.max_backlog_ms for g in config.hedge.values()) * 1_000_000))
        down_ns = risk.max_hedge_down_ms * 1_000_000
        limits.configure(Cause.HEDGE_DOWN, level=RiskLevel.PULL_QUOTES, enter=down_ns, leave=0)
    if risk.max_feed_latency_ms is not None:
        passing.append((Cause.LATENCY_BUDGET, int(risk.max_feed_latency_ms * 1e6)))
    for cause, enter in passing:
        limits.configure(cause, level=RiskLevel.PULL_QUOTES, enter=enter, cooldown_ns=cooldown)
    return limits


def _lots(quantity: Decimal, lot: Decimal) -> int:
    """Whole lots of a limit; one beyond what can be counted limits nothing."""
    return int(min(Decimal(quantity), lot * MAX_LOTS) // lot)


def _e8(amount: Decimal) -> int:
    return int(amount * 10**8)
