"""Sections about what the bot does: `strategy`, `hedge`, `risk`."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from mmbot.config.fields import Amount, Id, NonNegative, Positive, PositiveMoney, Section


class StrategyConfig(Section):
    """Which plugin decides the quotes, and what happens when it fails or is swapped."""

    id: str
    """A shipped or own strategy (`pmm`), a file (`./my_maker.py`, from here or this one), or `package.module:Class`."""
    markets: Annotated[list[Id], Field(min_length=1)]
    """Ids of the markets it quotes; each has the role `maker`."""
    observes: list[Id] = []
    """Ids of further markets that it only sees."""
    params: dict[str, Any] = {}
    """The plugin's own parameters; its `Params` class says which there are (`mmbot strategies ID`)."""
    search: list[Path] = []
    """More folders of your own plugins, relative to this file; they and its own come before the shipped ones."""
    on_error: Literal["rollback", "pull_quotes"] = "rollback"
    """What an exception in the plugin does: go back to the one before it, or pull its quotes and wait for a person."""
    shadow_s: Annotated[float, Field(ge=0, le=3600)] = 0.0
    """How long a swapped-in plugin runs beside the old one, its quotes only compared, before it takes over."""
    price_tolerance_ticks: Annotated[int, Field(ge=0)] = 0
    """A working order this close to the wanted price is left alone."""
    qty_tolerance_pct: Annotated[float, Field(ge=0, le=100)] = 0.0
    """A working order whose open quantity is this close to the wanted one is left alone, in percent of the wanted."""

    moves: Literal["amend", "cancel_first", "overlap"] = "amend"
    """How a quote gets to another price. `amend`: in place where the venue can, else as `cancel_first`: the new order
    leaves when the cancel is confirmed. `overlap`: it leaves with the cancel; what is in flight is waited for."""
    acts: Literal["always", "on_declare"] = "always"
    """When orders follow: `always`, after every event that opens a difference between wanted and working quotes; or
    `on_declare`, only when the plugin has declared (a filled quote then stays away until it does)."""
    wake: Literal["touch", "message"] = "touch"
    """When `on_book` is called: when the best prices or their quantities change (`touch`), or with every `message` of
    any of the bot's markets, all of which the strategy then sees."""

    @field_validator("params", mode="after")
    @classmethod
    def _plain_numbers(cls, params: dict[str, Any]) -> dict[str, Any]:
        return {key: _plain(value) for key, value in params.items()}


class HedgeGroup(Section):
    """How the net delta of one base asset is kept where it should be; the group's key is that asset."""

    markets: Annotated[list[Id], Field(min_length=1)]
    """Markets to hedge on, in order of preference; each has the role `hedge` or `maker`."""
    target_delta: Amount = Decimal(0)
    """Net delta to hold, in base units over all markets of the asset."""
    band: NonNegative = Decimal(0)
    """Distance from the target, in base units, that is left unhedged."""
    ratio: Annotated[Amount, Field(ge=0, le=2)] = Decimal(1)
    """Share of the makers' delta that is hedged."""
    urgency: Literal["taker", "passive_first"] = "taker"
    """`taker`: an IOC order inside the slippage cap. `passive_first`: rest at the touch, take at the deadline."""
    max_slippage_bps: Annotated[Amount, Field(gt=0, le=1000)] = Decimal(20)
    """Worst price of a taking hedge, from the touch."""
    passive_deadline_ms: Annotated[int, Field(ge=1, le=600_000)] = 2_000
    """How long a passive hedge may rest before it takes."""
    retry_ms: Annotated[int, Field(ge=1, le=60_000)] = 200
    """Pause before the next attempt, after one that was refused or did not fill."""
    one_at_a_time: bool = False
    """Send nothing while a hedge order is in flight."""
    max_attempts: Annotated[int, Field(ge=1, le=100)] = 3
    """Attempts on one market before the next in the order of preference."""
    max_backlog: Positive | None = None
    """Unhedged delta beyond the band, in base units, that pulls the quotes; none: ten times the risk order limit."""
    max_backlog_ms: Annotated[int, Field(ge=1, le=3_600_000)] = 5_000
    """A backlog this old pulls the quotes."""


class RiskLimits(Section):
    """Limits of one market. A missing one is taken from `risk` itself."""

    max_order_qty: Positive | None = None
    """Largest order, in base units (contracts on an inverse market)."""
    max_order_notional: PositiveMoney | None = None
    """Largest order, in quote units."""
    max_position: Positive | None = None
    """Largest position either way, in base units, with every working and unknown order counted as filled."""
    max_open_orders: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """Most working orders on the market."""
    price_band_bps: Annotated[Amount, Field(gt=0, le=10_000)] | None = None
    """Farthest price of an order from the reference price (mark, else mid)."""


class RiskConfig(Section):
    """What no order and no session may exceed. Limits without a default must be stated: there is no safe guess."""

    max_order_qty: Positive
    """Largest order, in base units (contracts on an inverse market)."""
    max_order_notional: PositiveMoney
    """Largest order, in quote units."""
    max_position: Positive
    """Largest position of a market either way, in base units, every working and unknown order counted as filled."""
    max_open_orders: Annotated[int, Field(ge=1, le=10_000)] = 20
    """Most working orders on a market."""
    price_band_bps: Annotated[Amount, Field(gt=0, le=10_000)] = Decimal(200)
    """Farthest price of an order from the reference price (mark, else mid)."""
    self_trade: Literal["refuse", "venue"] = "refuse"
    """An order that would meet one of ours: `refuse` it until the other is gone, or leave it to the `venue`."""
    orders_per_s: Annotated[float, Field(gt=0, le=10_000)] = 20.0
    """Messages that place or amend, a second and venue; the venue's own limits hold besides."""
    order_burst: Annotated[int, Field(ge=1, le=10_000)] = 40
    """Messages that may be sent at once after a quiet time."""
    cancels_per_s: Annotated[float, Field(gt=0, le=10_000)] = 20.0
    """Budget of cancels, a second and venue: reserved, placing never uses it."""
    max_daily_loss: PositiveMoney
    """Loss since 00:00 UTC, in quote units, that flattens and halts."""
    max_drawdown: PositiveMoney
    """Loss from the session's best PnL, in quote units, that flattens and halts."""
    min_liquidation_distance_pct: Annotated[float, Field(ge=0, le=100)] = 5.0
    """Least distance of mark from liquidation, in percent, after a one-sided fill of everything working. Below it,
    when prices alone have brought it there, quotes may only reduce."""
    flatten_distance_pct: Annotated[float, Field(ge=0, le=100)] = 2.0
    """Distance of mark from liquidation, in percent, below which positions are taken out of the market; 0: never."""
    shock_pct: Annotated[float, Field(ge=0, le=100)] = 2.0
    """Adverse move that the distance must survive besides."""
    stale_book_ms: Annotated[int, Field(ge=50, le=600_000)] = 3_000
    """A market without a book message for this long is not quoted on."""
    max_clock_skew_ms: Annotated[int, Field(ge=1, le=60_000)] = 1_000
    """Difference from the venue's clock that pulls the quotes."""
    max_hedge_down_ms: Annotated[int, Field(ge=50, le=600_000)] = 2_000
    """Time without any market to hedge on that pulls the quotes: what they would trade could not be hedged."""
    max_reject_streak: Annotated[int, Field(ge=1, le=10_000)] = 10
    """Rejects in a row that pull the quotes."""
    resume_after_s: Annotated[float, Field(ge=0, le=3600)] = 10.0
    """Quiet time after which pulled quotes come back, when the cause was a passing one."""
    max_feed_latency_ms: Annotated[float, Field(gt=0, le=60_000)] | None = None
    """p99 from the exchange's stamp to the order sent that pulls the quotes; none: not watched."""
    markets: dict[Id, RiskLimits] = {}
    """Tighter limits of single markets, by market id."""


def _plain(value: Any) -> Any:
    """A plugin's params without the loader's exact numbers: decimals become floats, all the way down."""
    match value:
        case Decimal():
            return float(value)
        case dict():
            return {key: _plain(item) for key, item in value.items()}
        case list():
            return [_plain(item) for item in value]
    return value
