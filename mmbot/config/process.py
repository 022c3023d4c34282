"""Sections about the process itself: `bot`, `journal`, `metrics`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from mmbot.config.fields import LedgerUrl, Listen, Section


class BotConfig(Section):
    """The process itself."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
    """Name of the bot: its run folder, its metric label, and (hashed) the tag in its client order ids."""
    seed: int = 0
    """Seed of the embedded exchange, unless `exchange.seed` says another; nothing else in the bot is random."""
    timer_ms: Annotated[int, Field(ge=1, le=10_000)] = 50
    """Time event of the core: order timeouts, stale checks and strategy timers are looked at this often."""
    reconcile_s: Annotated[float, Field(ge=1, le=3600)] = 30.0
    """Open orders, positions, balances and fills are compared with the venue this often (and at every reconnect)."""
    shutdown_timeout_s: Annotated[float, Field(gt=0, le=600)] = 10.0
    """How long a stop may take to cancel everything and have the venue confirm it."""
    flatten_on_stop: bool = False
    """Close the positions on a stop, after every quote is cancelled."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe event that is logged."""


class JournalConfig(Section):
    """What a run writes down."""

    dir: Path = Path("runs")
    """Folder of runs, relative to where the bot is started; a run writes to `<dir>/<bot>/<utc-start>/`."""
    fsync_ms: Annotated[int, Field(ge=0, le=60_000)] = 100
    """Longest time that a journalled event may wait for the disk; 0: at every batch."""
    ring_mb: Annotated[int, Field(ge=1, le=4096)] = 32
    """Memory between the core and the writer."""
    segment_mb: Annotated[int, Field(ge=1, le=4096)] = 256
    """A journal file is closed and the next one begun at this size."""
    ledger: LedgerUrl | None = None
    """SQLAlchemy URL of the ledger, without a password (PGPASSWORD has it); none: SQLite beside the journal."""


class MetricsConfig(Section):
    """The HTTP endpoint for Prometheus and health checks."""

    enabled: bool = True
    """Serve `/metrics`, `/healthz` and `/readyz`."""
    listen: Listen = "127.0.0.1:9464"
    """Address to listen on; port 0 picks a free one."""
    public: bool = False
    """Allow an address that is not loopback. The endpoint has no password: put it behind something that has."""
