"""Account events of USD-M futures, from recorded and documented messages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from desk import RecordingSink

from mmbot._core.types import Instrument, OrderEvent, OrderEventKind, OrderState, Owner, Side
from mmbot.errors import DecodeError
from mmbot.venues.binance.market_table import MarketTable
from mmbot.venues.binance_usdm.trading import UserStream
from mmbot.venues.client_id import ClientIds

if TYPE_CHECKING:
    from pathlib import Path

IDS = ClientIds("tester", 1_700_000_000)
KIND = OrderEventKind


def instrument(symbol: str, tick: str = "0.01", lot: str = "0.001") -> Instrument:
    return Instrument(
        venue="binance_usdm",
        symbol=symbol,
        venue_symbol=symbol,
        base_asset="B",
        quote_asset="USDT",
        settle_asset="USDT",
        tick_size=tick,
        lot_size=lot,
    )


class Rig:
    def __init__(self, *symbols: str) -> None:
        self.sink = RecordingSink()
        self.unclear: list[int] = []
        names = symbols or ("BTCUSDT", "ETHUSDT")
        table = MarketTable({number: instrument(name) for number, name in enumerate(names)})
        self.stream = UserStream(
            table,
            IDS,
            self.sink,
            report=self.sink.on_order,
            state_changed=lambda: None,
            funding_unclear=self.unclear.append,
        )

    def feed(self, message: dict[str, Any]) -> list[dict[str, int]]:
        self.stream.on_text(json.dumps(message).encode(), 0)
        return self.sink.orders


@pytest.fixture
def rig() -> Rig:
    return Rig()


def sample(data_dir: Path, name: str, client_id: str | None = None) -> dict[str, Any]:
    message = json.loads((data_dir / "messages" / "binance" / name).read_bytes())
    if client_id is not None:
        message.get("data", message)["o"]["c"] = client_id
    return message


ORDERS = {
    "futures/user_data_json/order_update_new.json": (KIND.ACK, 0),
    "futures/user_data_json/order_update_trade.json": (KIND.FILL, 1),
    "futures/user_data_json/order_update_trade_partial.json": (KIND.FILL, 1),
    "futures/user_data_json/order_update_adl.json": (KIND.FILL, 5),
    "futures/user_data_json/order_update_insurance.json": (KIND.FILL, 20),
    "py_ws/ws_futures_order_update_adl.json": (KIND.FILL, None),
    "py_ws/ws_futures_order_update_adl_filled.json": (KIND.FILL, None),
    "py_ws/ws_futures_order_update_liquidation.json": (KIND.FILL, 100),
    "py_ws/ws_futures_order_update_liquidation_zero_qty.json": (None, 0),
    "py_ws/ws_futures_order_update_settlement.json": (KIND.FILL, 50),
    "py_ws/ws_futures_order_update_new_price_match.json": (KIND.ACK, 0),
    "py_ws/ws_futures_order_update_new_reduce_only_qty.json": (KIND.ACK, 0),
}


@pytest.mark.parametrize("name", sorted(ORDERS))
def test_orders_that_are_not_ours_still_move_the_position(rig: Rig, data_dir: Path, name: str) -> None:
    """A liquidation or a trade made by hand changes the position although the order is not the bot's."""
    message = sample(data_dir, name)
    kind, lots = ORDERS[name]
    events = rig.feed(message)
    if kind is None:
        assert events == []
        return
    (event,) = events
    assert (event["kind"], event["owner"], event["order_num"]) == (kind, Owner.OTHER, 0)
    body = message.get("data", message)["o"]
    assert event["side"] == Side[body["S"]]
    assert event["venue_order_id"] == body["i"]
    if lots is not None:
        assert event["last_qty_lots"] == lots
    if kind == KIND.FILL:
        assert event["trade_id"] == body["t"]
        assert event["fee_e8"] == round(float(body["n"]) * 1e8)


def test_a_fill_of_ours_in_every_field(rig: Rig, data_dir: Path) -> None:
    message = sample(data_dir, "futures/user_data_json/order_update_trade_partial.json", IDS.text(42))
    (event,) = rig.feed(message)
    expected = OrderEvent(
        kind=KIND.FILL,
        market=0,
        exch_ts_ns=1568879465651 * 10**6,
        order_num=42,
        owner=Owner.OURS,
        venue_order_id=8886774,
        side=Side.BUY,
        state=OrderState.PARTIALLY_FILLED,
        price_ticks=710050,
        qty_lots=2,
        cum_filled_lots=1,
        last_price_ticks=710050,
        last_qty_lots=1,
        trade_id=12345678,
        fee_e8=1000000,
        fee_asset=rig.sink.assets.index("USDT"),
        maker=1,
    )
    assert event == expected.as_dict()


@pytest.mark.parametrize(
    ("execution", "status", "kind"),
    [
        ("NEW", "NEW", KIND.ACK),
        ("CANCELED", "CANCELED", KIND.CANCEL),
        ("EXPIRED", "EXPIRED", KIND.EXPIRE),
        ("EXPIRED", "EXPIRED_IN_MATCH", KIND.EXPIRE),
        ("AMENDMENT", "NEW", KIND.AMEND),
        ("SOMETHING_NEW", "NEW", KIND.STATUS),
    ],
)
def test_execution_types(rig: Rig, data_dir: Path, execution: str, status: str, kind: int) -> None:
    message = sample(data_dir, "futures/user_data_json/order_update_new.json", IDS.text(7))
    message["o"] |= {"x": execution, "X": status, "p": "7000.10"}
    (event,) = rig.feed(message)
    assert (event["kind"], event["order_num"], event["price_ticks"], event["qty_lots"]) == (kind, 7, 700010, 1)


def test_fees_are_exact_and_rebates_negative(rig: Rig, data_dir: Path) -> None:
    message = sample(data_dir, "futures/user_data_json/order_update_trade.json", IDS.text(1))
    message["o"]["n"] = "-0.12345678"
    assert rig.feed(message)[0]["fee_e8"] == -12345678


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("l", "0.0005"),
        ("L", "7100.505"),
        ("n", "0.123456789"),
        ("p", "abc"),
        ("X", "ODD"),
        ("q", ""),
    ],
)
def test_numbers_that_do_not_fit_are_errors_not_roundings(rig: Rig, data_dir: Path, field: str, text: str) -> None:
    message = sample(data_dir, "futures/user_data_json/order_update_trade.json", IDS.text(1))
    message["o"][field] = text
    with pytest.raises(DecodeError):
        rig.feed(message)
    assert rig.sink.orders == []


def test_an_execution_without_a_price_has_to_be_looked_up(rig: Rig, data_dir: Path) -> None:
    message = sample(data_dir, "futures/user_data_json/order_update_trade.json", IDS.text(1))
    message["o"]["L"] = "0"
    (event,) = rig.feed(message)
    assert (event["kind"], event["cum_filled_lots"]) == (KIND.STATUS, 1)


@pytest.mark.parametrize(
    "name",
    [
        "futures/user_data_json/trade_lite.json",
        "futures/user_data_json/algo_update_new.json",
        "futures/user_data_json/algo_update_canceled.json",
        "futures/user_data_json/order_update_delivery.json",
        "py_ws/ws_futures_trade_lite.json",
        "py_ws/ws_futures_algo_update_finished.json",
        "py_ws/ws_futures_algo_update_triggered.json",
        "py_ws/ws_futures_algo_update_triggering.json",
    ],
)
def test_what_is_none_of_ours_is_passed_over(rig: Rig, data_dir: Path, name: str) -> None:
    assert rig.feed(sample(data_dir, name)) == []
    assert rig.sink.balances == {}


def test_balances(rig: Rig, data_dir: Path) -> None:
    rig.feed(sample(data_dir, "futures/user_data_json/account_update.json"))
    rig.feed(sample(data_dir, "futures/user_data_json/account_update_bnfcr.json"))
    assert rig.sink.balances == {"USDT": 12262412345678, "BNFCR": 500128983031}
    assert rig.sink.funding == []


FUNDING = {
    "e": "ACCOUNT_UPDATE",
    "E": 1,
    "T": 1700000000123,
    "a": {"m": "FUNDING_FEE", "B": [{"a": "USDT", "wb": "100.5", "cw": "100.5", "bc": "-0.01234567"}]},
}


def test_funding_belongs_to_the_only_market_or_to_the_one_that_is_named() -> None:
    rig = Rig("BTCUSDT")
    rig.feed(FUNDING)
    assert rig.sink.funding == [(0, -1234567, 0, 1700000000123 * 10**6)]
    isolated = Rig()
    named = {**FUNDING, "a": {**FUNDING["a"], "P": [{"s": "ETHUSDT", "pa": "1"}]}}
    isolated.feed(named)
    assert isolated.sink.funding == [(1, -1234567, 0, 1700000000123 * 10**6)]


def test_funding_that_names_no_market_is_looked_up(rig: Rig) -> None:
    rig.feed(FUNDING)
    assert rig.sink.funding == []
    assert rig.unclear == [1700000000123 * 10**6]


@pytest.mark.parametrize("payload", [b"", b"[]", b"{", b'{"e":"ORDER_TRADE_UPDATE"}', b'{"e":5}', b"\xff"])
def test_malformed_messages_are_decode_errors(rig: Rig, payload: bytes) -> None:
    with pytest.raises(DecodeError):
        rig.stream.on_text(payload, 0)


def test_events_without_consequence_are_counted_and_unknown_ones_said_once(rig: Rig, capsys) -> None:
    silent = ("TRADE_LITE", "ALGO_UPDATE", "STRATEGY_UPDATE", "GRID_UPDATE", "CONDITIONAL_ORDER_TRIGGER_REJECT")
    for name in (*silent, "BRAND_NEW", "BRAND_NEW"):
        rig.feed({"e": name, "E": 1700000000123, "T": 1700000000123})
    assert rig.sink.orders == []
    assert rig.stream.passed_over.counts == {**dict.fromkeys(silent, 1), "BRAND_NEW": 2}
    assert capsys.readouterr().out.count("BRAND_NEW") == 1
