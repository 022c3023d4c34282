"""Markets, decoders and recorded frames for the tests of the market-data path."""

from __future__ import annotations

import functools
import gzip
from typing import TYPE_CHECKING, NamedTuple

from mmbot._core.decode import Decoder
from mmbot._core.message import Frame
from mmbot._core.types import Instrument

if TYPE_CHECKING:
    from pathlib import Path


class Recording(NamedTuple):
    """A recorded market: file, decoder kind, symbol, and the units that hold all of its data."""

    file: str
    kind: str
    symbol: str
    tick: str
    lot: str

    def decoder(self) -> Decoder:
        return decoder(self.kind, self.symbol, self.tick, self.lot)


RECORDINGS = [
    Recording("usdm/btcusdt", "binance_usdm", "BTCUSDT", "0.10", "0.001"),
    Recording("usdm/ethusdt", "binance_usdm", "ETHUSDT", "0.01", "0.001"),
    Recording("spot/btcusdt", "binance_spot", "BTCUSDT", "0.01", "0.000001"),
    Recording("spot/ethusdt", "binance_spot", "ETHUSDT", "0.01", "0.00000001"),
    Recording("cm/btcusd_perp", "binance_usdm", "BTCUSD_PERP", "0.1", "1"),
    Recording("cm/ethusd_perp", "binance_usdm", "ETHUSD_PERP", "0.01", "1"),
]


def instrument(symbol: str, tick: str, lot: str) -> Instrument:
    return Instrument(
        venue="binance",
        symbol=symbol,
        venue_symbol=symbol,
        base_asset="",
        quote_asset="",
        settle_asset="",
        tick_size=tick,
        lot_size=lot,
    )


def decoder(kind: str, symbol: str = "BTCUSDT", tick: str = "0.10", lot: str = "0.001") -> Decoder:
    return Decoder(kind, {symbol: (0, instrument(symbol, tick, lot))})


@functools.cache
def payloads(data_dir: Path, recording: Recording) -> list[bytes]:
    """Every frame of a recording."""
    path = data_dir / "recordings" / "binance" / f"{recording.file}_20240808.gz"
    with gzip.open(path) as lines:
        return [line.split(b" ", 1)[1].strip() for line in lines]


def fields(frame: Frame) -> dict[str, object]:
    """Every field of a frame, comparable: NaN as None."""
    return {name: None if value != value else value for name, value in frame.as_dict().items()}  # noqa: PLR0124
