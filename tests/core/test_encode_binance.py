"""Encoded requests: shape, signature, and equivalence with what another client sends for the same intent."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from mmbot._core.encode_binance import BinanceEncoder
from mmbot._core.types import CommandKind, CommandView, Instrument, Side, TimeInForce

if TYPE_CHECKING:
    from pathlib import Path

KEY, SECRET, PREFIX = "test-api-key-0001", "test-secret-do-not-use-0002", "mm7f3a-t6bq1c-"
NOW_MS = 1750000000123
UNITS = {
    "BTCUSDT": ("0.1", "0.001", "0.01", "0.00001"),
    "ETHUSDT": ("0.01", "0.001", "0.01", "0.0001"),
    "DOGEUSDT": ("0.00001", "1", "0.00001", "1"),
}
MARKETS = {name: index for index, name in enumerate(UNITS)}


def make_encoder(*, futures: bool, key: str = KEY) -> BinanceEncoder:
    encoder = BinanceEncoder(futures=futures, api_key=key, secret=SECRET, client_prefix=PREFIX)
    for name, index in MARKETS.items():
        tick, lot = UNITS[name][:2] if futures else UNITS[name][2:]
        encoder.add_market(
            index,
            Instrument(
                venue="v",
                symbol=name,
                venue_symbol=name,
                base_asset="B",
                quote_asset="Q",
                settle_asset="Q",
                tick_size=tick,
                lot_size=lot,
            ),
        )
    return encoder


def command(kind: int, **fields: Any) -> CommandView:
    defaults = {"market": 0, "ts_ns": NOW_MS * 10**6, "event_seq": 77, "order_num": 100}
    return CommandView(kind=kind, **{**defaults, **fields})


PLACE = {
    "side": Side.SELL,
    "price_ticks": 1043215,
    "qty_lots": 12,
    "time_in_force": TimeInForce.GTX,
    "reduce_only": True,
}


def check_message(raw: bytes, secret: str = SECRET) -> dict[str, Any]:
    message = json.loads(raw)
    params = dict(message["params"])
    signature = params.pop("signature")
    text = "&".join(f"{name}={params[name]}" for name in sorted(params))
    assert hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest() == signature
    return message


def check_query(raw: bytes) -> dict[str, str]:
    text, _, signature = raw.decode().partition("&signature=")
    assert hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).hexdigest() == signature
    return dict(parse_qsl(text))


@pytest.mark.parametrize("key", ["k", KEY, "K" * 57, "K" * 64, "K" * 100])
def test_futures_place_over_the_websocket_api(key: str) -> None:
    view = command(CommandKind.PLACE, **PLACE)
    message = check_message(make_encoder(futures=True, key=key).encode_command(view))
    assert message["id"] == "p100-77" == BinanceEncoder.request_id(view)
    assert message["method"] == "order.place"
    params = message["params"]
    del params["signature"]
    assert params == {
        "apiKey": key,
        "newClientOrderId": PREFIX + "2s",
        "newOrderRespType": "ACK",
        "price": "104321.5",
        "quantity": "0.012",
        "recvWindow": 5000,
        "reduceOnly": "true",
        "side": "SELL",
        "symbol": "BTCUSDT",
        "timeInForce": "GTX",
        "timestamp": NOW_MS,
        "type": "LIMIT",
    }


def test_spot_post_only_is_a_limit_maker_without_time_in_force() -> None:
    params = check_message(make_encoder(futures=False).encode_command(command(CommandKind.PLACE, **PLACE)))["params"]
    assert params["type"] == "LIMIT_MAKER"
    assert "timeInForce" not in params
    assert "reduceOnly" not in params


def test_futures_amend_names_side_price_and_quantity() -> None:
    view = command(CommandKind.AMEND_ORDER, side=Side.BUY, price_ticks=1000000, qty_lots=5)
    message = check_message(make_encoder(futures=True).encode_command(view))
    assert message["method"] == "order.modify"
    assert message["id"] == "a100-77"
    wanted = {"origClientOrderId": PREFIX + "2s", "side": "BUY", "price": "100000.0", "quantity": "0.005"}
    assert wanted.items() <= message["params"].items()


def test_spot_amend_keeps_the_client_order_id() -> None:
    view = command(CommandKind.AMEND_ORDER, side=Side.BUY, price_ticks=1000000, qty_lots=5)
    message = check_message(make_encoder(futures=False).encode_command(view))
    assert message["method"] == "order.amend.keepPriority"
    params = message["params"]
    assert params["newClientOrderId"] == params["origClientOrderId"] == PREFIX + "2s"
    assert params["newQty"] == "0.00005"
    assert "price" not in params


@pytest.mark.parametrize(
    ("kind", "method", "letter"),
    [
        (CommandKind.CANCEL_ORDER, "order.cancel", "c"),
        (CommandKind.QUERY_ORDER, "order.status", "q"),
    ],
)
def test_orders_of_this_session_go_by_client_id_and_earlier_ones_by_venue_id(
    kind: int, method: str, letter: str
) -> None:
    encoder = make_encoder(futures=True)
    ours = check_message(encoder.encode_command(command(kind)))
    assert (ours["id"], ours["method"]) == (f"{letter}100-77", method)
    assert ours["params"]["origClientOrderId"] == PREFIX + "2s"
    assert "orderId" not in ours["params"]
    earlier = check_message(encoder.encode_command(command(kind, order_num=0, venue_order_id=2**62)))
    assert earlier["id"] == f"{letter.upper()}{2**62}-77"
    assert earlier["params"]["orderId"] == 2**62
    assert "origClientOrderId" not in earlier["params"]


def test_the_clock_offset_shifts_the_timestamp() -> None:
    encoder = make_encoder(futures=True)
    encoder.set_clock_offset(-1_234_000_000)
    assert check_message(encoder.encode_command(command(CommandKind.CANCEL_ORDER)))["params"]["timestamp"] == (
        NOW_MS - 1234
    )


def test_the_largest_numbers_fit() -> None:
    encoder = make_encoder(futures=True, key="K" * 100)
    top = 2**63 - 1
    view = command(
        CommandKind.PLACE,
        order_num=2**64 - 1,
        event_seq=2**64 - 1,
        side=1,
        price_ticks=top // 10,
        qty_lots=top // 1000,
        ts_ns=top,
    )
    message = check_message(encoder.encode_command(view))
    assert message["id"] == f"p{2**64 - 1}-{2**64 - 1}"
    check_query(encoder.encode_query_command(view))


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": CommandKind.PLACE, "order_num": 0},
        {"kind": CommandKind.PLACE, "time_in_force": 4},
        {"kind": CommandKind.AMEND_ORDER, "order_num": 0},
        {"kind": CommandKind.CANCEL_ORDER, "order_num": 0},
        {"kind": CommandKind.CANCEL_ALL},
        {"kind": CommandKind.RESYNC},
        {"kind": 99},
    ],
)
def test_what_is_no_order_request_is_refused(fields: dict[str, int]) -> None:
    encoder = make_encoder(futures=True)
    view = command(**fields)
    with pytest.raises(ValueError, match="no order request"):
        encoder.encode_command(view)
    with pytest.raises(ValueError, match="no order request"):
        encoder.encode_query_command(view)


@pytest.mark.parametrize("market", [-1, 3, 4000])
def test_a_market_that_was_not_added_is_refused(market: int) -> None:
    with pytest.raises(ValueError, match="not added"):
        make_encoder(futures=True).encode_command(command(CommandKind.CANCEL_ORDER, market=market))


@pytest.mark.parametrize(
    "fields",
    [
        {"api_key": 'a"b'},
        {"api_key": ""},
        {"client_prefix": "a&b"},
        {"client_prefix": "x" * 24},
        {"recv_window_ms": 0},
        {"recv_window_ms": 60_001},
    ],
)
def test_texts_that_would_need_escaping_are_refused(fields: dict[str, Any]) -> None:
    defaults = {"futures": True, "api_key": "k", "secret": "s", "client_prefix": "mm-"}
    with pytest.raises(ValueError, match="expected") as caught:
        BinanceEncoder(**{**defaults, **fields})
    assert 'a"b' not in str(caught.value)


def test_markets_can_be_replaced_and_the_secret_is_not_shown() -> None:
    encoder = make_encoder(futures=True)
    before = encoder.encode_command(command(CommandKind.CANCEL_ORDER))
    other = Instrument(
        venue="v",
        symbol="X",
        venue_symbol="XRPUSDT",
        base_asset="B",
        quote_asset="Q",
        settle_asset="Q",
        tick_size="1",
        lot_size="1",
    )
    encoder.add_market(0, other)
    assert check_message(encoder.encode_command(command(CommandKind.CANCEL_ORDER)))["params"]["symbol"] == "XRPUSDT"
    assert b"BTCUSDT" in before
    assert SECRET not in repr(encoder)
    with pytest.raises(TypeError, match="not pickled"):
        encoder.__reduce__()


# -- the same intent, as another client sends it -----------------------------------------------------------------------

IGNORED = {
    "signature",
    "newClientOrderId",
    "newOrderRespType",
    "apiKey",
    "origClientOrderId",
    "orderId",
    "clientOrderId",
}
TIF = {"IOC": TimeInForce.IOC, "FOK": TimeInForce.FOK, "GTX": TimeInForce.GTX, "GTC": TimeInForce.GTC}


def other_clients_requests(data_dir: Path, name: str, method: str) -> list[tuple[dict[str, Any], dict[str, str]]]:
    vectors = json.loads((data_dir / "requests" / "generated_by_ccxt" / f"{name}.json").read_bytes())
    rows = next(value for value in vectors.values() if isinstance(value, list))
    found = []
    for row in rows:
        request = row["request"]
        if row["method"] == method and "market" not in row["input"][1:3] and "cancelReplace" not in request["url"]:
            text = request["body"] or urlsplit(request["url"]).query
            found.append((row, dict(parse_qsl(text))))
    return found


def number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def same(ours: dict[str, str], theirs: dict[str, str]) -> None:
    assert ours.keys() - IGNORED == theirs.keys() - IGNORED
    for name in ours.keys() - IGNORED:
        assert ours[name] == theirs[name] or number(ours[name]) == number(theirs[name]), name


@pytest.mark.parametrize(("venue", "count"), [("binanceusdm", 7), ("binance", 5)])
def test_places_are_what_ccxt_sends(data_dir: Path, venue: str, count: int) -> None:
    futures = venue == "binanceusdm"
    encoder = make_encoder(futures=futures)
    rows = other_clients_requests(data_dir, venue, "createOrder")
    assert len(rows) == count
    for row, theirs in rows:
        name = theirs["symbol"]
        tick, lot = (float(each) for each in (UNITS[name][:2] if futures else UNITS[name][2:]))
        post_only = row["input"][5].get("postOnly", False)
        view = command(
            CommandKind.PLACE,
            market=MARKETS[name],
            side=Side[theirs["side"]],
            price_ticks=round(float(theirs["price"]) / tick),
            qty_lots=round(float(theirs["quantity"]) / lot),
            time_in_force=TimeInForce.GTX if post_only else TIF[theirs["timeInForce"]],
            reduce_only=theirs.get("reduceOnly") == "true",
        )
        same(check_query(encoder.encode_query_command(view)), theirs)
        over_websocket = check_message(encoder.encode_command(view))["params"]
        same({key: str(value) for key, value in over_websocket.items()}, theirs)


@pytest.mark.parametrize("venue", ["binanceusdm", "binance"])
@pytest.mark.parametrize(
    ("method", "kind"),
    [
        ("cancelOrder", CommandKind.CANCEL_ORDER),
        ("fetchOrder", CommandKind.QUERY_ORDER),
    ],
)
def test_cancels_and_queries_are_what_ccxt_sends(data_dir: Path, venue: str, method: str, kind: int) -> None:
    encoder = make_encoder(futures=venue == "binanceusdm")
    rows = other_clients_requests(data_dir, venue, method)
    assert rows
    for _, theirs in rows:
        by_id = "orderId" in theirs
        view = command(
            kind,
            market=MARKETS[theirs["symbol"]],
            order_num=0 if by_id else 100,
            venue_order_id=int(theirs.get("orderId", 0)),
        )
        ours = check_query(encoder.encode_query_command(view))
        same(ours, theirs)
        assert ours.get("orderId") == theirs.get("orderId")
        assert ("origClientOrderId" in ours) == ("origClientOrderId" in theirs)


def test_futures_amend_is_what_ccxt_sends(data_dir: Path) -> None:
    encoder = make_encoder(futures=True)
    ((_, theirs),) = other_clients_requests(data_dir, "binanceusdm", "editOrder")
    view = command(CommandKind.AMEND_ORDER, side=Side.BUY, price_ticks=1041005, qty_lots=20)
    same(check_query(encoder.encode_query_command(view)), theirs)
