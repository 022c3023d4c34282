"""Section about the exchange embedded in the process, `exchange`: it serves the venues whose endpoint is `sim`."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag, field_validator

from mmbot.config.fields import Id, Money, Section

FaultKind = Literal[
    "disconnect",
    "abort",
    "stale",
    "drop_frame",
    "duplicate_frame",
    "reorder_frames",
    "sequence_gap",
    "slow_ack",
    "lost_ack",
    "slow_matching",
    "reject",
    "duplicate_fill",
    "rate_limit",
    "ban",
    "clock_skew",
]


class FaultEvent(Section):
    """One fault at a given time."""

    kind: FaultKind
    """What goes wrong."""
    at_s: Annotated[float, Field(ge=0)]
    """Seconds after the start of the exchange."""
    venue: Literal["", "binance_usdm", "binance_spot"] = ""
    """Kind of venue it happens on; empty: whichever comes first."""
    target: Literal["any", "market", "user", "orders"] = "any"
    """Connections that `disconnect`, `abort` and `stale` hit."""
    everywhere: bool = False
    """Hit all of them, not one picked by the seed."""
    stream: str = ""
    """Frame faults hit only streams with this text in their name."""
    count: Annotated[int, Field(ge=1)] = 1
    """Frames, orders or fills to spoil."""
    delay_ms: Annotated[float, Field(ge=0, le=600_000)] = 500.0
    """How late `slow_ack` and `slow_matching` make things."""
    duration_ms: Annotated[float, Field(ge=0, le=3_600_000)] = 5_000.0
    """How long a fault lasts that does."""
    skew_ms: float = 3_000.0
    """How far `clock_skew` puts the venue's clock ahead."""
    mode: Literal["error_503", "timeout", "close", "silence"] = "error_503"
    """What comes instead of a `lost_ack`."""


class FaultsConfig(Section):
    """What goes wrong on the embedded exchange; the same seed gives the same faults."""

    per_minute: dict[FaultKind, Annotated[float, Field(ge=0)]] = {}
    """Expected number of each kind a minute, at random times."""
    start_s: Annotated[float, Field(ge=0)] = 0.0
    """No random fault before this."""
    events: list[FaultEvent] = []
    """Faults at given times."""


class ExchangeSection(Section):
    """What both market sources share."""

    seed: int | None = None
    """Seed of traders and faults; none: the seed of `bot`."""
    tls: bool = False
    """Serve https and wss, with a certificate made at the start."""
    balances: dict[str, Money] = {"USDT": Decimal(100_000), "BTC": Decimal(1)}
    """What the bot's account holds at the start, by asset: all of it on spot, what margins positions on futures."""
    funding_interval_s: Annotated[int, Field(ge=1, le=86_400)] = 28_800
    """Time between two funding payments of a perpetual."""
    enforce_limits: bool = True
    """Answer 429 and 418 as the venue does when its rate limits are exceeded."""
    faults: FaultsConfig = FaultsConfig()
    """Faults to inject; none by default."""


class TradersConfig(ExchangeSection):
    """A market made by simulated traders around a drifting fair price."""

    source: Literal["traders"]
    """Simulated traders."""
    activity: Annotated[float, Field(gt=0, le=100)] = 1.0
    """Factor on the traders' rate of orders, cancels and trades; 1 is about 300 book changes a second and symbol."""


def _speed_form(value: object) -> str:
    return "max" if value == "max" else "pace"


class RecordingConfig(ExchangeSection):
    """A market played back from recorded frames; our orders are matched with their place in the recorded queue."""

    source: Literal["recording"]
    """Recorded frames."""
    files: Annotated[dict[Id, Path], Field(min_length=1)]
    """Recording of each market, by market id; relative to the folder in `MMBOT_DATA`."""
    speed: Annotated[
        Annotated[float, Field(gt=0, le=1000), Tag("pace")] | Annotated[Literal["max"], Tag("max")],
        Discriminator(_speed_form),
    ] = 1.0
    """Pace of the playback; `max`: as fast as the bot consumes."""
    loop: bool = False
    """Begin again at the end; else the run ends there."""

    @field_validator("speed", mode="before")
    @classmethod
    def _speed(cls, value: object) -> object:
        """Accept `2x` for 2."""
        if isinstance(value, str) and value.endswith("x") and value != "max":
            return value[:-1]
        return value


ExchangeConfig = Annotated[TradersConfig | RecordingConfig, Field(discriminator="source")]
