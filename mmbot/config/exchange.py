"""Section about the exchange embedded in the process, `exchange`: it serves the venues whose endpoint is `sim`."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag, field_validator

from mmbot.config.fields import Id, NonNegative, Section

FaultKind = Literal[
    "disconnect",
    "drop_frame",
    "duplicate_frame",
    "reorder_frame",
    "sequence_gap",
    "slow_ack",
    "lost_ack",
    "duplicate_fill",
    "reject",
    "rate_limit",
    "ip_ban",
    "clock_skew",
]


class FaultConfig(Section):
    """One kind of fault that the exchange injects: at a time, at intervals, or by chance; all seeded."""

    kind: FaultKind
    """What goes wrong."""
    venue: Id | None = None
    """Venue it happens on; none: all of them."""
    at_s: Annotated[float, Field(ge=0)] | None = None
    """Seconds after the start of the exchange; happens once."""
    every_s: Annotated[float, Field(gt=0)] | None = None
    """Mean time between two, drawn at random."""
    probability: Annotated[float, Field(gt=0, le=1)] | None = None
    """Chance for each message that it could hit."""
    duration_ms: Annotated[int, Field(ge=0, le=600_000)] = 1_000
    """How long the fault lasts, or an answer is held back; the amount of `clock_skew`."""


class ExchangeSection(Section):
    """What both market sources share."""

    seed: int | None = None
    """Seed of traders and faults; none: the seed of `bot`."""
    tls: bool = False
    """Serve https and wss, with a certificate made at the start."""
    balances: dict[str, NonNegative] = {"USDT": Decimal(100_000), "BTC": Decimal(1)}
    """What the bot's account holds at the start, by asset, on each venue."""
    ack_latency_ms: Annotated[float, Field(ge=0, le=10_000)] = 0.0
    """Time that an order message takes to reach the matching engine, and its answer to come back, each."""
    funding_interval_s: Annotated[int, Field(ge=1, le=86_400)] = 28_800
    """Time between two funding payments of a perpetual."""
    faults: list[FaultConfig] = []
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
        if isinstance(value, str) and value.endswith("x"):
            return value[:-1]
        return value


ExchangeConfig = Annotated[TradersConfig | RecordingConfig, Field(discriminator="source")]
