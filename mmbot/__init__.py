"""mmbot: a market-making bot for perpetual futures with a compiled core and live-swappable strategies."""

__version__ = "0.1.0"
