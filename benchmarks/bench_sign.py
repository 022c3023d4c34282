"""Signing and encoding of an order, beside what the standard library and OpenSSL take for the same.

Run: ``python -m pytest benchmarks/bench_sign.py --benchmark-only``. Every figure includes one call from Python (about
30 ns); from C there is none.
"""

from __future__ import annotations

import hashlib
import hmac

import pytest

from mmbot._core.encode_binance import BinanceEncoder
from mmbot._core.sign import HmacSha256
from mmbot._core.types import CommandKind, CommandView, Instrument, Side, TimeInForce

SECRET = "s" * 64
QUERY = (
    b"newClientOrderId=mm7f3a-t6bq1c-2s&newOrderRespType=ACK&price=61837.60&quantity=0.012&recvWindow=5000"
    b"&side=SELL&symbol=BTCUSDT&timeInForce=GTX&timestamp=1723161256275&type=LIMIT&workingType=MARK_PRICE"
)


@pytest.mark.parametrize("portable", [False, True], ids=["best", "portable"])
def test_sign_query(benchmark, portable) -> None:
    signer = HmacSha256(SECRET.encode(), portable=portable)
    assert 190 < len(QUERY) < 210
    assert benchmark(signer.hexdigest, QUERY) == hmac.new(SECRET.encode(), QUERY, hashlib.sha256).hexdigest()


def test_peer_hmac_new(benchmark) -> None:
    key = SECRET.encode()
    benchmark(lambda: hmac.new(key, QUERY, hashlib.sha256).hexdigest())


def test_peer_copied_openssl_context(benchmark) -> None:
    prepared = hmac.new(SECRET.encode(), digestmod=hashlib.sha256)

    def sign() -> str:
        context = prepared.copy()
        context.update(QUERY)
        return context.hexdigest()

    benchmark(sign)


def test_floor_sha256_of_as_many_blocks(benchmark) -> None:
    benchmark(lambda: hashlib.sha256(QUERY).digest())


@pytest.mark.parametrize("futures", [True, False], ids=["usdm", "spot"])
@pytest.mark.parametrize("kind", [CommandKind.PLACE, CommandKind.AMEND_ORDER, CommandKind.CANCEL_ORDER])
def test_encode_and_sign_over_the_websocket(benchmark, futures, kind) -> None:
    encoder = BinanceEncoder(futures=futures, api_key="K" * 64, secret=SECRET, client_prefix="mm7f3a-t6bq1c-")
    encoder.add_market(
        0,
        Instrument(
            venue="v",
            symbol="BTC/USDT",
            venue_symbol="BTCUSDT",
            base_asset="BTC",
            quote_asset="USDT",
            settle_asset="USDT",
            tick_size="0.10",
            lot_size="0.001",
        ),
    )
    command = CommandView(
        kind=kind,
        market=0,
        ts_ns=1723161256275 * 10**6,
        event_seq=123456,
        order_num=1234,
        side=Side.SELL,
        price_ticks=618376,
        qty_lots=12,
        time_in_force=TimeInForce.GTX,
    )
    message = benchmark(encoder.encode_command, command)
    assert message.endswith(b'"}}')
