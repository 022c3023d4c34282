"""Account events of spot, from recorded and documented messages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from desk import RecordingSink

from mmbot._core.types import Instrument, OrderEventKind, Owner, Side
from mmbot.errors import DecodeError
from mmbot.venues.binance.market_table import MarketTable
from mmbot.venues.binance_spot.trading import UserStream
from mmbot.venues.client_id import ClientIds

if TYPE_CHECKING:
    from pathlib import Path

IDS = ClientIds("tester", 1_700_000_000)
KIND = OrderEventKind


class Rig:
    def __init__(self) -> None:
        self.sink = RecordingSink()
        self.ended: list[str] = []
        table = MarketTable(
            {
                number: Instrument(
                    venue="binance_spot",
                    symbol=name,
                    venue_symbol=name,
                    base_asset="B",
                    quote_asset="USDT",
                    settle_asset="USDT",
                    tick_size="0.00000001",
                    lot_size="0.00000001",
                )
                for number, name in enumerate(("BTCUSDT", "ETHUSDT", "ETHBTC", "BTCUSD"))
            }
        )
        self.stream = UserStream(table, IDS, self.sink, self.sink.on_order, self.ended.append)

    def feed(self, message: dict[str, Any]) -> list[dict[str, int]]:
        self.stream.on_event(json.dumps(message.get("event", message.get("data", message))).encode())
        return self.sink.orders


@pytest.fixture
def rig() -> Rig:
    return Rig()


def sample(data_dir: Path, name: str, **changes: Any) -> dict[str, Any]:
    message = json.loads((data_dir / "messages" / "binance" / name).read_bytes())
    body = message.get("event", message.get("data", message))
    body.update(changes)
    return body


REPORTS = {
    "spot/user_data_json/execution_report_new.json": KIND.ACK,
    "spot/user_data_json/execution_report_expired.json": KIND.EXPIRE,
    "spot/user_data_json/execution_report_stop_loss.json": KIND.ACK,
    "py_ws/ws_spot_execution_report_trade.json": KIND.FILL,
    "py_ws/ws_spot_execution_report_expired.json": KIND.EXPIRE,
    "py_ws/ws_spot_execution_report_rejected.json": KIND.REJECT,
    "py_ws/ws_spot_execution_report_pending_cancel.json": KIND.STATUS,
    "py_ws/ws_spot_execution_report_trade_l_zero.json": KIND.STATUS,
    "py_ws/ws_spot_execution_report_trade_l_zero_new.json": KIND.STATUS,
    "py_ws/ws_spot_execution_report_trade_l_zero_partial.json": KIND.STATUS,
    "py_ws/ws_spot_execution_report_trade_l_zero_canceled.json": KIND.STATUS,
    "py_ws/ws_spot_execution_report_trade_prevention.json": None,
    "py_ws/ws_spot_execution_report_calculated.json": KIND.STATUS,
    "py_ws/ws_spot_execution_report_binance_us.json": None,
    "py_ws/ws_spot_execution_report_new_price_match.json": KIND.ACK,
}


@pytest.mark.parametrize("name", sorted(REPORTS))
def test_execution_reports_of_an_order_of_ours(rig: Rig, data_dir: Path, name: str) -> None:
    body = sample(data_dir, name, c=IDS.text(42), C="")
    (event,) = rig.feed(body)
    kind = REPORTS[name]
    if kind is not None:
        assert event["kind"] == kind
    assert (event["owner"], event["order_num"], event["side"]) == (Owner.OURS, 42, Side[body["S"]])
    assert event["venue_order_id"] == body["i"]
    assert event["price_ticks"] == round(float(body["p"]) * 1e8)
    assert event["cum_filled_lots"] == round(float(body["z"]) * 1e8)
    if event["kind"] == KIND.FILL:
        assert event["trade_id"] == body["t"]
        assert event["last_price_ticks"] == round(float(body["L"]) * 1e8)


def test_an_empty_client_id_is_somebody_elses(rig: Rig, data_dir: Path) -> None:
    events = rig.feed(sample(data_dir, "py_ws/ws_spot_execution_report_empty_client_id.json"))
    assert all(event["owner"] == Owner.OTHER for event in events)


def test_a_cancel_names_the_order_by_its_original_id(rig: Rig, data_dir: Path) -> None:
    body = sample(
        data_dir, "spot/user_data_json/execution_report_new.json", x="CANCELED", X="CANCELED", c="random", C=IDS.text(9)
    )
    (event,) = rig.feed(body)
    assert (event["kind"], event["order_num"], event["owner"]) == (KIND.CANCEL, 9, Owner.OURS)


def test_an_amendment_is_told_with_its_new_quantity(rig: Rig, data_dir: Path) -> None:
    body = sample(data_dir, "spot/user_data_json/execution_report_new.json", x="REPLACED", c=IDS.text(9), q="0.5")
    (event,) = rig.feed(body)
    assert (event["kind"], event["qty_lots"]) == (KIND.AMEND, 50_000_000)


def test_self_trade_prevention_that_ends_the_order_is_an_expiry(rig: Rig, data_dir: Path) -> None:
    body = sample(
        data_dir, "py_ws/ws_spot_execution_report_trade_prevention.json", X="EXPIRED_IN_MATCH", c=IDS.text(9), C=""
    )
    assert rig.feed(body)[0]["kind"] == KIND.EXPIRE


@pytest.mark.parametrize("name", ["account_position.json", "account_position_wrapped.json"])
def test_balances_count_what_is_locked(rig: Rig, data_dir: Path, name: str) -> None:
    rig.feed(sample(data_dir, f"spot/user_data_json/{name}"))
    assert rig.sink.balances["ETH"] == (500000000 if name == "account_position.json" else 10000 * 10**8)
    if name == "account_position.json":
        assert rig.sink.balances["USDT"] == 12500 * 10**8


@pytest.mark.parametrize("name", ["balance_update_wrapped.json", "list_status_wrapped.json"])
def test_what_is_none_of_ours_is_passed_over(rig: Rig, data_dir: Path, name: str) -> None:
    assert rig.feed(sample(data_dir, f"spot/user_data_json/{name}")) == []


def test_the_end_of_the_subscription_is_told(rig: Rig) -> None:
    rig.feed({"e": "eventStreamTerminated", "E": 1})
    assert len(rig.ended) == 1


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{",
        b'{"e":"executionReport"}',
        b'{"e":"outboundAccountPosition","B":[{}]}',
    ],
)
def test_malformed_messages_are_decode_errors(rig: Rig, payload: bytes) -> None:
    with pytest.raises(DecodeError):
        rig.stream.on_event(payload)


def test_events_without_consequence_are_counted(rig: Rig) -> None:
    for name in ("balanceUpdate", "listStatus", "externalLockUpdate", "brandNew", "brandNew"):
        rig.stream.on_event(json.dumps({"e": name, "E": 1700000000123}).encode())
    assert rig.stream.passed_over.counts == {
        "balanceUpdate": 1,
        "listStatus": 1,
        "externalLockUpdate": 1,
        "brandNew": 2,
    }
