"""The exchange inside the process: from the config's `exchange` section to a running `SimServer`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from mmbot.config import RecordingConfig
from mmbot.errors import ConfigError
from mmbot.recordings import locate
from mmbot.sim.exchange import ExchangeConfig
from mmbot.sim.faults import Fault, FaultKind, FaultPlan
from mmbot.sim.server import SimServer
from mmbot.sim.server_config import Account, ServerConfig

if TYPE_CHECKING:
    from pathlib import Path

    from mmbot.config import Config


def exchange_config(config: Config) -> ServerConfig:
    """What the embedded exchange of a bot is made of.

    Raises:
        ConfigError: a recording is missing, or two markets of one venue kind play the same symbol.
    """
    section = config.exchange
    if section is None:
        raise ConfigError("exchange: is missing, and a venue has the endpoint sim")
    seed = config.bot.seed if section.seed is None else section.seed
    simulated = {name for name, venue in config.venues.items() if venue.endpoint == "sim"}
    markets = {name: m for name, m in config.markets.items() if m.venue in simulated}
    symbols = tuple(dict.fromkeys(_plain(m.symbol) for m in markets.values()))
    recordings: dict[tuple[str, str], Path] = {}
    if isinstance(section, RecordingConfig):
        for name, path in section.files.items():
            market = config.markets[name]
            recordings[config.venues[market.venue].kind, _plain(market.symbol)] = locate(path)
    world = ExchangeConfig(
        source=section.source,
        seed=seed,
        symbols=symbols,
        funding_interval_s=section.funding_interval_s,
        recordings=recordings,
        speed=_speed(section) if isinstance(section, RecordingConfig) else 1.0,
        loop=section.loop if isinstance(section, RecordingConfig) else False,
        shift_timestamps=True,  # else every latency would be counted from the day of the recording
        activity=1.0 if isinstance(section, RecordingConfig) else section.activity,
    )
    balances = {asset: format(amount, "f") for asset, amount in section.balances.items()}
    account = Account(name=config.bot.name, futures={"USDT": balances.get("USDT", "0")}, spot=balances)
    return ServerConfig(
        exchange=world,
        accounts=(account,),
        tls=section.tls,
        faults=FaultPlan(
            seed=seed,
            per_minute={FaultKind(kind): rate for kind, rate in section.faults.per_minute.items()},
            start_s=section.faults.start_s,
            events=tuple(msgspec.convert(event.model_dump(), Fault) for event in section.faults.events),
        ),
        enforce_limits=section.enforce_limits,
    )


def embedded_exchange(config: Config) -> SimServer:
    """The server, not started yet: use it as an async context manager."""
    return SimServer(exchange_config(config))


def _speed(section: RecordingConfig) -> float:
    return 0.0 if section.speed == "max" else section.speed


def _plain(symbol: str) -> str:
    return symbol.partition(":")[0].replace("/", "")
