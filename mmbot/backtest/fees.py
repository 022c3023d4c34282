"""What trades cost: fixed rates, or tiers by turnover."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from mmbot.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from mmbot._core.backtest import Lane
    from mmbot._core.types import Instrument
    from mmbot.config.backtest import FeesConfig

UNIT = Decimal(10**9)


class Schedule:
    """The fees of one market.

    Args:
        config: what the user wants; rates that are missing are the instrument's.
        instrument: the market.
        in_received: a buy pays in the asset it bought, unless the config says otherwise.
    """

    def __init__(self, config: FeesConfig, instrument: Instrument, *, in_received: bool = False) -> None:
        self.in_received = in_received if config.in_received is None else config.in_received
        self._fixed = (
            Decimal(repr(instrument.maker_fee)) if config.maker is None else config.maker,
            Decimal(repr(instrument.taker_fee)) if config.taker is None else config.taker,
        )
        self._tiers = sorted(config.tiers, key=lambda tier: tier.volume)
        self.volume = config.volume
        self.maker, self.taker = self.rates(Decimal(0))

    @property
    def by_turnover(self) -> bool:
        """Whether the rates can change during a run."""
        return bool(self._tiers)

    @property
    def maker_e9(self) -> int:
        """The maker's rate in 1e-9 of notional."""
        return _e9(self.maker)

    @property
    def taker_e9(self) -> int:
        """The taker's rate in 1e-9 of notional."""
        return _e9(self.taker)

    def rates(self, turnover: Decimal) -> tuple[Decimal, Decimal]:
        """Maker's and taker's rate after `turnover`, in the settle asset, since the start."""
        found = self._fixed
        for tier in self._tiers:
            if self.volume + turnover >= tier.volume:
                found = (tier.maker, tier.taker)
        return found


def set_fees(
    lanes: Sequence[Lane], schedules: Sequence[Schedule], venues: Sequence[str], fills: NDArray[np.void]
) -> None:
    """Give each market the fees that the turnover of all markets of its venue and settle asset has earned."""
    turnover: dict[tuple[str, str], Decimal] = {}
    keys = [(venue, lane.market.instrument.settle_asset) for venue, lane in zip(venues, lanes, strict=True)]
    for index, (key, lane) in enumerate(zip(keys, lanes, strict=True)):
        instrument = lane.market.instrument
        own = fills[fills["market"] == index]
        lots, ticks = own["qty_lots"].astype(float), own["price_ticks"].astype(float) * instrument.tick_value
        base = lots * instrument.lot_value
        traded = (base / ticks if instrument.inverse else base * ticks).sum()
        turnover[key] = turnover.get(key, Decimal(0)) + Decimal(float(traded))
    for key, lane, schedule in zip(keys, lanes, schedules, strict=True):
        schedule.maker, schedule.taker = schedule.rates(turnover[key])
        lane.paper.set_fees(schedule.maker_e9, schedule.taker_e9)


def _e9(rate: Decimal) -> int:
    scaled = rate * UNIT
    if scaled != scaled.to_integral_value() or abs(rate) >= 1:
        raise ConfigError(f"fees: expected a rate below 1 with at most 9 decimals, found {rate}")
    return int(scaled)
