"""The bot's YAML file: read, checked against typed sections, and reported on with file, line and key.

::

    config = load(Path("configs/demo.yaml"), overrides=["bot.seed=9"])
    config.markets["perp_btc"].symbol       # "BTC/USDT:USDT"

Every problem of a file is found in one go; see `mmbot.config.problems.InvalidConfig`.
"""

from mmbot.config.connections import EndpointUrls, MarketConfig, VenueConfig
from mmbot.config.exchange import ExchangeConfig, FaultEvent, FaultsConfig, RecordingConfig, TradersConfig
from mmbot.config.load import check_params, load, parse, vary
from mmbot.config.models import Config
from mmbot.config.problems import InvalidConfig, Problem
from mmbot.config.process import BotConfig, JournalConfig, MetricsConfig
from mmbot.config.trading import HedgeGroup, RiskConfig, RiskLimits, StrategyConfig

__all__ = [
    "BotConfig",
    "Config",
    "EndpointUrls",
    "ExchangeConfig",
    "FaultEvent",
    "FaultsConfig",
    "HedgeGroup",
    "InvalidConfig",
    "JournalConfig",
    "MarketConfig",
    "MetricsConfig",
    "Problem",
    "RecordingConfig",
    "RiskConfig",
    "RiskLimits",
    "StrategyConfig",
    "TradersConfig",
    "VenueConfig",
    "check_params",
    "load",
    "parse",
    "vary",
]
