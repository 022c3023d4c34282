"""Markets, decoders and recorded frames for the tests of the market-data path."""

from __future__ import annotations

import functools
import gzip
from typing import TYPE_CHECKING, NamedTuple

from mmbot._core.decode import Decoder
from mmbot._core.message import Frame
from mmbot._core.scan import level_readers, use_level_reader
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

SAMPLES = [
    (
        "binance_usdm",
        (
            b'{"stream":"btcusdt@depth@0ms","data":{"e":"depthUpdate","E":1723161256299,"T":1723161256298,"s":"BTCUSDT",'
            b'"U":10,"u":20,"pu":9,"b":[["58710.20","0.014"],["61496.50","0.010"],["61510.90","0.000"],["61641.50","1.211"],'
            b'["61652.80","0.195"],["61653.30","0.072"]],"a":[["63113.70","0.000"],["65880.70","15.918"]]}}'
        ),
    ),
    (
        "binance_spot",
        (
            b'{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1723161255208,"s":"BTCUSDT","U":50093239189,'
            b'"u":50093239202,"b":[["61737.63000000","0.00000000"]],"a":[["61837.64000000","1.54698000"],'
            b'["61839.85000000","0.00000000"],["61839.86000000","0.00000000"]]}}'
        ),
    ),
    (
        "binance_usdm",
        (
            b'{"stream":"btcusdt@bookTicker","data":{"e":"bookTicker","u":5123107839020,"s":"BTCUSDT","b":"61800.20",'
            b'"B":"2.507","a":"61800.30","A":"2.510","T":1723161256313,"E":1723161256313}}'
        ),
    ),
    (
        "binance_spot",
        (
            b'{"stream":"btcusdt@bookTicker","data":{"u":50093239212,"s":"BTCUSDT","b":"61837.63000000","B":"3.78826000",'
            b'"a":"61837.64000000","A":"1.54698000"}}'
        ),
    ),
    (
        "binance_usdm",
        (
            b'{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161256322,"T":1723161256322,"s":"BTCUSDT","t":5266583935,'
            b'"p":"61800.30","q":"0.006","X":"MARKET","m":false}}'
        ),
    ),
    (
        "binance_spot",
        (
            b'{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":3735683259,'
            b'"p":"61837.63000000","q":"0.02000000","T":1723161255342,"m":true,"M":true}}'
        ),
    ),
    (
        "binance_usdm",
        (
            b'{"e":"aggTrade","E":123456789,"a":5933014,"s":"BTCUSDT","p":"61800.1","q":"100","f":100,"l":105,"T":123456785,'
            b'"m":true,"st":1}'
        ),
    ),
    (
        "binance_usdm",
        (
            b'{"e":"markPriceUpdate","E":1562305380000,"s":"BTCUSDT","p":"11794.15000000","i":"11784.62659091",'
            b'"P":"11784.25641265","r":"0.00038167","T":1562306400000,"st":1}'
        ),
    ),
    (
        "binance_usdm",
        (
            b'{"lastUpdateId":5123107852948,"E":1723161256501,"T":1723161256493,"bids":[["61800.20","2.909"],'
            b'["61800.10","0.696"]],"asks":[["61976.10","0.250"],["61976.20","0.002"]]}'
        ),
    ),
]
"""Decoder kind and a frame of each shape, as the venue sends it."""


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


def scanned_fields(one: Decoder, payload: bytes) -> dict[str, object] | None:
    """What the scanner makes of a frame, with every reader of levels that this machine has: all must say the same."""
    answers = []
    for reader in level_readers():
        use_level_reader(reader)
        frame = one.scan_only(payload)
        answers.append(None if frame is None else fields(frame))
    assert all(answer == answers[-1] for answer in answers), payload
    return answers[-1]
