"""Every market message that the venues document is read or passed over; none of them is taken for a broken one.

Samples after the venues' "Websocket Market Streams" pages, with the fields of the newer ones (``nq``, ``ps``, ``st``).
"""

from __future__ import annotations

import pytest

from mmbot._core.decode import Decoder
from mmbot._core.types import Instrument

USDM = {
    "AGG_TRADE": [
        (
            "btcusdt@aggTrade",
            (
                '{"e":"aggTrade","E":1723118400000,"a":5,"s":"BTCUSDT","p":"1.10","q":"1.000","nq":"0.500","f":1,"l":2,'
                '"T":1723118400000,"m":true,"st":1}'
            ),
        )
    ],
    "DEPTH": [
        (
            "btcusdt@depth@100ms",
            (
                '{"e":"depthUpdate","E":1723118400000,"T":1723118400000,"s":"BTCUSDT","ps":"BTCUSDT","U":1,"u":2,"pu":0,'
                '"b":[["1.10","1.000"]],"a":[],"st":1}'
            ),
        )
    ],
    "BOOK_TICKER": [
        (
            "btcusdt@bookTicker",
            (
                '{"e":"bookTicker","u":1,"s":"BTCUSDT","ps":"BTCUSDT","b":"1.10","B":"1.000","a":"1.20","A":"1.000",'
                '"T":1723118400000,"E":1723118400000,"st":2}'
            ),
        )
    ],
    "MARK_PRICE": [
        (
            "btcusdt@markPrice@1s",
            (
                '{"e":"markPriceUpdate","E":1723118400000,"s":"BTCUSDT","p":"1.1","ap":"1.2","P":"1.2","i":"1.1",'
                '"r":"0.0001","T":1723118400000,"st":1}'
            ),
        ),
    ],
    "IGNORED": [
        ("btcusdt@kline_1m", '{"e":"kline","E":1,"s":"BTCUSDT","k":{"t":1,"T":2,"s":"BTCUSDT","i":"1m","x":false}}'),
        ("btcusdt_perpetual@continuousKline_1m", '{"e":"continuous_kline","E":1,"ps":"BTCUSDT","k":{"t":1}}'),
        ("btcusdt@ticker", '{"e":"24hrTicker","E":1,"s":"BTCUSDT","p":"1"}'),
        ("btcusdt@miniTicker", '{"e":"24hrMiniTicker","E":1,"s":"BTCUSDT"}'),
        ("!miniTicker@arr", '[{"e":"24hrMiniTicker","E":1,"s":"BTCUSDT"}]'),
        ("!markPrice@arr", '[{"e":"markPriceUpdate","E":1,"s":"BTCUSDT","p":"1.1","r":"0.0001","T":1}]'),
        ("btcusdt@forceOrder", '{"e":"forceOrder","E":1,"o":{"s":"BTCUSDT","S":"SELL","q":"0.014","p":"9910"}}'),
        ("defiusdt@compositeIndex", '{"e":"compositeIndex","E":1,"s":"DEFIUSDT","p":"554.41","c":[]}'),
        ("!contractInfo", '{"e":"contractInfo","E":1,"s":"IOTAUSDT","ps":"IOTAUSDT","cs":"TRADING"}'),
        ("!assetIndex@arr", '[{"e":"assetIndexUpdate","E":1,"s":"ADAUSD","i":"0.27"}]'),
        ("!tradingSession", '{"e":"tradingSession","E":1}'),
        ("!serverShutdown", '{"e":"serverShutdown","E":1770123456789}'),
    ],
}
SPOT = {
    "DEPTH": [
        (
            "btcusdt@depth@100ms",
            '{"e":"depthUpdate","E":1723118400000,"s":"BTCUSDT","U":1,"u":2,"b":[["1.10","1.000"]],"a":[]}',
        )
    ],
    "BOOK_TICKER": [
        ("btcusdt@bookTicker", '{"u":1,"s":"BTCUSDT","b":"1.10","B":"1.000","a":"1.20","A":"1.000"}'),
    ],
    "TRADE": [
        (
            "btcusdt@trade",
            (
                '{"e":"trade","E":1723118400000,"s":"BTCUSDT","t":5,"p":"1.10","q":"1.000","T":1723118400000,"m":true,'
                '"M":true}'
            ),
        )
    ],
    "IGNORED": [
        ("btcusdt@avgPrice", '{"e":"avgPrice","E":1,"s":"BTCUSDT","i":"5m","w":"25.1","T":1}'),
        ("btcusdt@ticker_1h", '{"e":"1hTicker","E":1,"s":"BTCUSDT"}'),
        ("btcusdt@referencePrice", '{"e":"referencePrice","s":"BTCUSDT","r":"1","t":1}'),
        ("btcusdt@blockTrade", '{"e":"blockTrade","E":1,"s":"BTCUSDT","t":1,"p":"1","q":"1","T":1,"m":false}'),
        ("!serverShutdown", '{"e":"serverShutdown","E":1770123456789}'),
    ],
}
CASES = [
    (venue, kind, stream, text)
    for venue, kinds in (("binance_usdm", USDM), ("binance_spot", SPOT))
    for kind, samples in kinds.items()
    for stream, text in samples
]


@pytest.mark.parametrize(("venue", "kind", "stream", "text"), CASES, ids=[f"{c[0]} {c[2]}" for c in CASES])
@pytest.mark.parametrize("wrapped", [False, True])
def test_documented_messages_are_understood(venue: str, kind: str, stream: str, text: str, *, wrapped: bool) -> None:
    instrument = Instrument(
        venue=venue,
        symbol="BTC/USDT",
        venue_symbol="BTCUSDT",
        base_asset="BTC",
        quote_asset="USDT",
        settle_asset="USDT",
        tick_size="0.01",
        lot_size="0.001",
    )
    decoder = Decoder(venue, {"BTCUSDT": (0, instrument)})
    decoder.frame((f'{{"stream":"{stream}","data":{text}}}' if wrapped else text).encode())
    assert decoder.kinds == {kind: 1}


@pytest.mark.parametrize(
    "text",
    [
        '{"result":null,"id":1}',
        '{"result":["btcusdt@depth"],"id":3}',
        '{"error":{"code":2,"msg":"Invalid request"},"id":"a"}',
        '{"code":2,"msg":"Invalid request"}',
    ],
)
def test_answers_on_a_stream_are_no_data(text: str) -> None:
    decoder = Decoder("binance_usdm", {})
    decoder.frame(text.encode())
    assert decoder.kinds == {"CONTROL": 1}
