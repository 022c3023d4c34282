"""Section `backtest`: the data a backtest plays, and the models of the exchange it plays them to."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from mmbot.config.fields import Amount, Id, Money, NonNegative, Section

FIRST_YEAR, LAST_YEAR = 1971, 2200  # times are ns since 1970, in 64 bits


def _utc(value: datetime) -> datetime:
    if not FIRST_YEAR <= value.year <= LAST_YEAR:
        raise ValueError(f"expected a time from {FIRST_YEAR} to {LAST_YEAR}")
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


Moment = Annotated[datetime, AfterValidator(_utc)]


class ConstantLatencyConfig(Section):
    """The same time for every message. Right for comparing strategies, and when nothing has been measured."""

    model: Literal["constant"] = "constant"
    """Which model this is."""
    entry_us: Annotated[float, Field(ge=0, le=60_000_000)] = 1000.0
    """From us to the exchange, microseconds."""
    response_us: Annotated[float, Field(ge=0, le=60_000_000)] = 1000.0
    """From the exchange back to us, microseconds."""


class RecordedLatencyConfig(Section):
    """Measured latencies, interpolated in time. Right when a session on the same venue has been recorded."""

    model: Literal["recorded"]
    """Which model this is."""
    file: Path
    """What `mmbot convert RUN OUT --latencies` wrote: a file (.npz), or a folder with one for each market."""


class FeedLatencyConfig(Section):
    """Scaled from the age of the newest market message. Right when orders share the feed's way and its congestion."""

    model: Literal["feed"]
    """Which model this is."""
    entry_factor: Annotated[float, Field(ge=0, le=1000)] = 1.0
    """Times the feed's latency, on the way there."""
    response_factor: Annotated[float, Field(ge=0, le=1000)] = 1.0
    """Times the feed's latency, on the way back."""
    entry_offset_us: Annotated[float, Field(ge=0, le=60_000_000)] = 0.0
    """Added on the way there, microseconds."""
    response_offset_us: Annotated[float, Field(ge=0, le=60_000_000)] = 0.0
    """Added on the way back, microseconds."""


LatencyConfig = Annotated[
    ConstantLatencyConfig | RecordedLatencyConfig | FeedLatencyConfig, Field(discriminator="model")
]


class QueueConfig(Section):
    """Whose turn it is at a price, which an L2 book does not say."""

    model: Literal["risk_averse", "power", "power2", "power3", "log", "log2", "l3_fifo"] = "power"
    """`risk_averse`: every cancel is behind us. The others: a cancel is behind us with a probability that grows with
    what is behind. `l3_fifo`: known, from a tape with order ids."""
    n: Annotated[float, Field(gt=0, le=100)] = 2.0
    """Exponent of the power models."""


class FeeTier(Section):
    """Fees from a turnover on."""

    volume: NonNegative
    """Turnover from which on they hold, in the settle asset."""
    maker: Amount
    """Fraction of notional; below 0 is a rebate."""
    taker: Amount
    """Fraction of notional."""


class FeesConfig(Section):
    """What trades cost. Without it: what the tape's instrument says."""

    maker: Amount | None = None
    """Fraction of notional; below 0 is a rebate."""
    taker: Amount | None = None
    """Fraction of notional."""
    tiers: list[FeeTier] = []
    """Fees by turnover; the highest tier reached holds, looked at once a UTC day, as venues do."""
    volume: NonNegative = Decimal(0)
    """Turnover before the start, for the tiers."""
    in_received: bool | None = None
    """Spot: a buy pays its fee in the asset bought; null: as in the session that is repeated, else no."""


class MaintenanceTier(Section):
    """The margin that positions from a size on need to be kept."""

    notional: NonNegative
    """Size of the position from which on it holds, in the settle asset."""
    rate: Annotated[Amount, Field(gt=0, lt=1)]
    """Fraction of the notional."""


class MarketModels(Section):
    """Models of one market; what is missing is taken from `backtest` itself."""

    latency: LatencyConfig | None = None
    """Order latency."""
    queue: QueueConfig | None = None
    """Queue position."""
    fees: FeesConfig | None = None
    """What trades cost."""
    partial: bool | None = None
    """Whether fills take what there is."""
    maintenance: list[MaintenanceTier] = []
    """Maintenance margins of a perpetual; none: 5 % and more, which is stricter than venues are."""


class BacktestConfig(Section):
    """What `mmbot backtest` plays, and how the exchange is modelled."""

    session: Path | None = None
    """A live or paper run to be repeated, its folder: data that `data` lacks is what it received, latency (unless
    stated) what its orders had, and time passes when it passed there. `mmbot backtest RUN` is the short way."""
    data: dict[Id, Path | Annotated[list[Path], Field(min_length=1)]] = {}
    """For each market of `markets` its tape, or what can be made one (a raw recording, an hftbacktest .npz, Tardis CSV,
    Parquet, a run's folder); a list is played one after the other. Looked up from here, this file, and MMBOT_DATA."""
    rules: Literal["mmbot", "hftbacktest"] = "mmbot"
    """`mmbot`: quotes on a book from its first snapshot on, partial fills, best prices from book tickers too.
    `hftbacktest`: as that program does it: a book counts from its first level, orders fill whole, no book tickers."""
    start: Moment | None = None
    """When the strategy starts; what is earlier only builds the books."""
    end: Moment | None = None
    """Where the playing ends."""
    latency: LatencyConfig = ConstantLatencyConfig()
    """Order latency."""
    queue: QueueConfig = QueueConfig()
    """Queue position."""
    fees: FeesConfig = FeesConfig()
    """What trades cost."""
    partial: bool | None = None
    """A fill takes what trades or stands there; false: an order fills whole. None: as `rules` say."""
    self_trade: Literal["ignored", "expire_maker", "expire_taker"] | None = None
    """What becomes of an order that would meet one of ours at the exchange. None: as `rules` say."""
    venue_limits: bool | None = None
    """Whether the order counts that the venue allows an account hold. None: as `rules` say."""
    balances: dict[Annotated[str, Field(pattern=r"^[A-Z0-9]+$")], Money] = {}
    """What the account holds of each settle asset: backs the liquidation check, and is what can be lost."""
    markets: dict[Id, MarketModels] = {}
    """Other models for single markets."""
    state_every_ms: Annotated[int, Field(ge=1, le=3_600_000)] = 1_000
    """How often the state series is taken."""
    cache: Path | None = None
    """Folder for tapes made from other files; none: `~/.cache/mmbot/tapes`."""

    def paths(self, market: str) -> list[Path]:
        """The files of a market, in the order of time."""
        found = self.data.get(market, self.session)
        assert found is not None  # noqa: S101 - the config's own check
        return list(found) if isinstance(found, list) else [found]

    @property
    def like_hftbacktest(self) -> bool:
        """Whether that program's rules hold."""
        return self.rules == "hftbacktest"
