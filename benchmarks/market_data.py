"""The recorded USD-M BTCUSDT feed, or, without recordings, a generated one of the same shape."""

from __future__ import annotations

import functools
import gzip
import os
import random
from pathlib import Path

from mmbot._core.decode import Decoder
from mmbot._core.types import Instrument

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("MMBOT_DATA", ROOT.parent / "shared" / "data"))
RECORDING = DATA / "recordings" / "binance" / "usdm" / "btcusdt_20240808.gz"
MESSAGES = 3000


def decoder() -> Decoder:
    instrument = Instrument(
        venue="binance_usdm",
        symbol="BTC/USDT:USDT",
        venue_symbol="BTCUSDT",
        base_asset="BTC",
        quote_asset="USDT",
        settle_asset="USDT",
        tick_size="0.10",
        lot_size="0.001",
    )
    return Decoder("binance_usdm", {"BTCUSDT": (0, instrument)})


@functools.cache
def frames(kind: str) -> list[bytes]:
    """Payloads that contain `kind`; for ``depthUpdate`` the snapshot stands first."""
    if not RECORDING.exists():
        return generated(kind)
    with gzip.open(RECORDING) as lines:
        everything = [line.split(b" ", 1)[1].strip() for line in lines]
    wanted = [payload for payload in everything if f'"e":"{kind}"'.encode() in payload][:MESSAGES]
    snapshot = [payload for payload in everything if b"lastUpdateId" in payload]
    return snapshot + wanted if kind == "depthUpdate" else wanted


@functools.cache
def messages() -> list[tuple[list[tuple[int, int]], list[tuple[int, int]]]]:
    """The depth messages as (bids, asks) in ticks and lots."""
    one = decoder()
    parsed = [one.frame(payload).as_dict() for payload in frames("depthUpdate")]
    return [(message["bids"], message["asks"]) for message in parsed]


def generated(kind: str) -> list[bytes]:
    """Frames in the venue's shape: a random walk, 67 levels a depth message, most of them near the touch."""
    dice, middle, last = random.Random(7), 618_000, 1_000
    made: list[bytes] = []

    def level(side: int) -> str:
        ticks = middle + (1 if side else -1) * (1 + int(dice.paretovariate(0.7)) % 20_000)
        return f'["{ticks / 10:.2f}","{dice.choice((0, dice.randrange(1, 5000))) / 1000:.3f}"]'

    if kind == "depthUpdate":
        bids, asks = (",".join(level(side) for _ in range(1000)) for side in (0, 1))
        made.append(f'{{"lastUpdateId":{last},"E":1,"T":1,"bids":[{bids}],"asks":[{asks}]}}'.encode())
    for i in range(MESSAGES):
        middle += dice.randrange(-3, 4)
        now = f'"E":{1723161256299 + i},"T":{1723161256298 + i}'
        if kind == "depthUpdate":
            bids, asks = (",".join(level(side) for _ in range(dice.randrange(67))) for side in (0, 1))
            body = f'{now},"s":"BTCUSDT","U":{last + 1},"u":{last + 9},"pu":{last},"b":[{bids}],"a":[{asks}]'
            last += 9
        elif kind == "bookTicker":
            bid, ask = f"{middle / 10:.2f}", f"{middle / 10 + 0.1:.2f}"
            body = f'"u":{5123107839020 + i},"s":"BTCUSDT","b":"{bid}","B":"2.507","a":"{ask}","A":"2.510",{now}'
        else:
            price = f"{middle / 10:.2f}"
            body = f'{now},"s":"BTCUSDT","t":{5266583935 + i},"p":"{price}","q":"0.006","X":"MARKET","m":false'
        stream = kind.removesuffix("Update")
        made.append(f'{{"stream":"btcusdt@{stream}","data":{{"e":"{kind}",{body}}}}}'.encode())
    return made
