"""Each documented frame, by both parsers, and everything that is not a frame."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from frames import RECORDINGS, Recording, decoder, instrument, payloads, scanned_fields
from frames import fields as fields_of

from mmbot._core.decode import Decoder
from mmbot._core.message import BadReason, MessageKind

DEPTH = (
    b'{"e":"depthUpdate","E":1723161256299,"T":1723161256298,"s":"BTCUSDT","U":10,"u":20,"pu":9,'
    b'"b":[["58710.20","0.014"],["61496.50","0.000"]],"a":[["63113.70","15.918"]]}'
)
TRADE = (
    b'{"e":"trade","E":1723161256322,"T":1723161256321,"s":"BTCUSDT","t":5266583935,"p":"61800.30","q":"0.006",'
    b'"X":"MARKET","m":false}'
)
MARK = (
    b'{"e":"markPriceUpdate","E":1562305380000,"s":"BTCUSDT","p":"11794.15000000","i":"11784.62659091",'
    b'"P":"11784.25641265","r":"-0.00038167","T":1562306400000}'
)


def both(payload: bytes, kind: str = "binance_usdm") -> dict[str, object]:
    """The frame's fields, after making sure that scanner and full parser agree."""
    one = decoder(kind)
    scanned, parsed = scanned_fields(one, payload), fields_of(one.parse_only(payload))
    assert scanned is None or scanned == parsed
    return parsed


def test_a_depth_update() -> None:
    fields = both(b'{"stream":"btcusdt@depth@0ms","data":' + DEPTH + b"}")
    assert fields["kind"] == MessageKind.DEPTH
    assert (fields["first_id"], fields["last_id"], fields["prev_id"]) == (10, 20, 9)
    assert (fields["event_ts_ns"], fields["txn_ts_ns"]) == (1723161256299000000, 1723161256298000000)
    assert fields["bids"] == [(587102, 14), (614965, 0)]
    assert fields["asks"] == [(631137, 15918)]


def test_a_trade_and_one_that_is_not_of_the_market() -> None:
    fields = both(TRADE)
    assert (fields["kind"], fields["price_ticks"], fields["qty_lots"]) == (MessageKind.TRADE, 618003, 6)
    assert (fields["trade_id"], fields["taker_side"], fields["is_market"]) == (5266583935, 0, 1)
    assert both(TRADE.replace(b'"m":false', b'"m":true'))["taker_side"] == 1
    assert both(TRADE.replace(b"MARKET", b"INSURANCE_FUND"))["is_market"] == 0
    assert both(TRADE.replace(b"61800.30", b"0").replace(b"0.006", b"0"))["is_market"] == 0


def test_a_mark_price_with_its_funding() -> None:
    fields = both(MARK)
    assert fields["kind"] == MessageKind.MARK_PRICE
    assert (fields["mark_price"], fields["index_price"]) == (11794.15, 11784.62659091)
    assert fields["settle_price"] == 11784.25641265
    assert (fields["funding_rate"], fields["next_funding_ns"]) == (-0.00038167, 1562306400000000000)
    delivery = both(MARK.replace(b'"r":"-0.00038167","T":1562306400000', b'"r":"","T":0'))
    assert delivery["funding_rate"] is None


def test_an_aggregate_trade_of_futures_and_of_spot() -> None:
    futures = both(
        b'{"e":"aggTrade","E":5,"a":26129,"s":"BTCUSDT","p":"10.1","q":"4.70","f":100,"l":105,"T":4,"m":true}'
    )
    spot = both(
        b'{"e":"aggTrade","E":5,"s":"BTCUSDT","a":26129,"p":"10.1","q":"4.70","f":100,"l":105,"T":4,"m":true,"M":true}',
        "binance_spot",
    )
    assert futures == spot
    assert (futures["kind"], futures["trade_id"], futures["first_id"]) == (MessageKind.AGG_TRADE, 26129, 100)
    assert (futures["last_id"], futures["taker_side"], futures["qty_lots"]) == (105, 1, 4700)


def test_a_book_ticker_in_each_order_of_its_keys() -> None:
    new = both(
        b'{"e":"bookTicker","u":7,"E":2,"T":1,"s":"BTCUSDT","b":"1.1","B":"2","a":"1.2","A":"3","st":1,"ps":"BTCUSDT"}'
    )
    old = both(b'{"e":"bookTicker","u":7,"s":"BTCUSDT","b":"1.1","B":"2","a":"1.2","A":"3","T":1,"E":2}')
    coin = both(b'{"u":7,"e":"bookTicker","s":"BTCUSDT","ps":"BTCUSD","b":"1.1","B":"2","a":"1.2","A":"3","T":1,"E":2}')
    assert new == old == coin
    assert (new["bid_ticks"], new["bid_lots"], new["ask_ticks"], new["ask_lots"]) == (11, 2000, 12, 3000)
    spot = both(b'{"u":7,"s":"BTCUSDT","b":"1.1","B":"2","a":"1.2","A":"3"}', "binance_spot")
    assert (spot["kind"], spot["event_ts_ns"], spot["ask_ticks"]) == (MessageKind.BOOK_TICKER, 0, 12)


def test_a_snapshot_says_whose_it_is_or_is_told() -> None:
    body = b'{"lastUpdateId":99,"E":2,"T":1,"bids":[["4.0","431"]],"asks":[["4.20","12"]]}'
    one = Decoder(
        "binance_usdm",
        {
            "BTCUSDT": (5, instrument("BTCUSDT", "0.1", "1")),
            "ETHUSDT": (6, instrument("ETHUSDT", "0.2", "1")),
        },
    )
    fields = one.snapshot(6, body).as_dict()
    assert (fields["kind"], fields["market"], fields["last_id"]) == (MessageKind.SNAPSHOT, 6, 99)
    assert (fields["bids"], fields["asks"]) == ([(20, 431)], [(21, 12)])
    assert one.frame(body).kind == MessageKind.IGNORED  # two markets, and it does not say which
    named = body.replace(b'"bids"', b'"symbol":"BTCUSDT","pair":"BTCUSD","bids"')
    assert one.frame(named).market == 5
    assert one.snapshot(6, named).kind == MessageKind.BAD  # another market's
    assert one.snapshot(7, body).kind == MessageKind.BAD
    assert one.snapshot(6, DEPTH).kind == MessageKind.BAD


def test_answers_to_requests() -> None:
    done = both(b'{"result":null,"id":12}')
    assert (done["kind"], done["control_id"], done["control_code"]) == (MessageKind.CONTROL, 12, 0)
    refused = both(b'{"error":{"code":2,"msg":"Invalid request"},"id":"x"}')
    assert (refused["kind"], refused["control_id"], refused["control_code"]) == (MessageKind.CONTROL, -1, 2)
    assert both(b'{"code":-1121,"msg":"Invalid symbol."}')["control_code"] == -1121


@pytest.mark.parametrize(
    "payload",
    [
        b'{"e":"kline","E":1,"s":"BTCUSDT","k":{}}',
        b'{"stream":"!markPrice@arr@1s","data":[]}',
        DEPTH.replace(b"BTCUSDT", b"XRPUSDT"),
        b'{"stream":"btcusdt@depth20@100ms","data":' + DEPTH + b"}",
        b'{"stream":"btcusdt@rpiDepth@500ms","data":' + DEPTH + b"}",
    ],
)
def test_what_is_not_ours_is_ignored(payload: bytes) -> None:
    assert both(payload)["kind"] == MessageKind.IGNORED


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", BadReason.REASON_JSON),
        (b"{", BadReason.REASON_JSON),
        (b"\xff\xfe", BadReason.REASON_JSON),
        (DEPTH[:-1], BadReason.REASON_JSON),
        (DEPTH + b"}", BadReason.REASON_JSON),
        (b"[" * 100_000, BadReason.REASON_JSON),
        (b"17", BadReason.REASON_FIELD),
        (b"{}", BadReason.REASON_FIELD),
        (DEPTH.replace(b'"pu":9', b'"pu":"9"'), BadReason.REASON_FIELD),
        (DEPTH.replace(b'"pu":9,', b""), BadReason.REASON_FIELD),
        (DEPTH.replace(b'"U":10', b'"U":21'), BadReason.REASON_FIELD),
        (DEPTH.replace(b'"U":10', b'"U":-1'), BadReason.REASON_FIELD),
        (DEPTH.replace(b'"u":20', b'"u":2e1'), BadReason.REASON_FIELD),
        (DEPTH.replace(b"1723161256299", b"99999999999999"), BadReason.REASON_FIELD),
        (DEPTH.replace(b"58710.20", b"58710.25"), BadReason.REASON_PRICE),
        (DEPTH.replace(b"58710.20", b"0.00"), BadReason.REASON_PRICE),
        (DEPTH.replace(b"58710.20", b"-1"), BadReason.REASON_PRICE),
        (DEPTH.replace(b"58710.20", b"9999999999999999999"), BadReason.REASON_PRICE),
        (DEPTH.replace(b"0.014", b"1e3"), BadReason.REASON_QTY),
        (DEPTH.replace(b"0.014", b""), BadReason.REASON_QTY),
        (DEPTH.replace(b'["61496.50","0.000"]', b'["61496.50"]'), BadReason.REASON_FIELD),
        (DEPTH.replace(b'"0.014"', b"0.014"), BadReason.REASON_FIELD),
    ],
)
def test_bad_frames_are_refused_whole_and_counted(payload: bytes, reason: BadReason) -> None:
    fields = both(payload)
    assert (fields["kind"], fields["reason"]) == (MessageKind.BAD, reason)
    assert fields["bids"] == fields["asks"] == []
    one = decoder("binance_usdm")
    assert one.frame(payload).kind == MessageKind.BAD
    assert (one.kinds, one.refusals) == ({"BAD": 1}, {reason.name: 1})
    assert one.last_bad == payload[:256]


def test_dust_is_cut_to_whole_lots_but_the_level_stays() -> None:
    """Spot books hold quantities from before the lot was coarsened: refusing the message would lose the sequence."""
    one = decoder("binance_usdm")
    dusty = DEPTH.replace(b"15.918", b"15.9189").replace(b"0.014", b"0.0004")
    fields = fields_of(one.frame(dusty))
    assert fields["asks"] == [(631137, 15918)]
    assert fields["bids"][0] == (587102, 1)
    assert (fields["n_dust"], one.dust) == (2, 2)
    assert both(dusty) == fields


def test_blanks_escapes_and_new_keys_give_the_same_by_the_full_parser() -> None:
    one = decoder("binance_usdm")
    plain = fields_of(one.frame(DEPTH))
    data = msgspec.json.decode(DEPTH)
    for other in (
        msgspec.json.format(DEPTH, indent=2),
        msgspec.json.encode(dict(reversed(data.items())) | {"new": [1, {}]}),
        DEPTH.replace(b'"BTCUSDT"', b'"BTC\\u0055SDT"'),
        DEPTH + b" \n",
    ):
        assert one.scan_only(other) is None
        assert fields_of(one.frame(other)) == plain
    assert one.fallbacks == 4


def test_a_feed_of_many_markets_finds_each() -> None:
    symbols = [f"COIN{i}USDT" for i in range(1500)]
    one = Decoder("binance_usdm", {name: (i, instrument(name, "0.1", "0.001")) for i, name in enumerate(symbols)})
    for i, name in enumerate(symbols):
        assert one.frame(DEPTH.replace(b"BTCUSDT", name.encode())).market == i
    assert one.frame(DEPTH).kind == MessageKind.IGNORED


def test_symbols_of_every_length_are_told_apart_by_any_of_their_letters() -> None:
    whole = "ABCDEFGHIJKLMNOPQRSTUVWXYZ01234"
    symbols = [whole[:n] for n in range(1, 32)]
    for n in (3, 7, 15, 31):
        symbols += [f"{whole[:i]}x{whole[i + 1 : n]}" for i in range(n)]
    one = Decoder("binance_usdm", {name: (i, instrument(name, "0.1", "0.001")) for i, name in enumerate(symbols)})
    for i, name in enumerate(symbols):
        frame = DEPTH.replace(b"BTCUSDT", name.encode())
        assert one.frame(frame).market == i
        assert one.scan_only(frame) is not None
    for stranger in ("B", "ABCDEFGx", whole[:15] + "x", whole + "5", whole * 2):
        assert one.frame(DEPTH.replace(b"BTCUSDT", stranger.encode())).kind == MessageKind.IGNORED


def test_construction_is_checked() -> None:
    with pytest.raises(ValueError, match="decoder kind"):
        Decoder("kraken", {})
    with pytest.raises(ValueError, match="venue symbol"):
        Decoder("binance_spot", {"A" * 32: (0, instrument("A", "1", "1"))})


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda recording: recording.file)
def test_both_parsers_agree_on_every_recorded_frame(data_dir: Path, recording: Recording) -> None:
    one = recording.decoder()
    frames = payloads(data_dir, recording)
    for payload in frames[::3] + [payload for payload in frames if b"lastUpdateId" in payload]:
        scanned = one.scan_only(payload)
        assert scanned is not None, payload[:200]
        assert fields_of(scanned) == fields_of(one.parse_only(payload))


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda recording: recording.file)
def test_no_recorded_frame_is_refused(data_dir: Path, recording: Recording) -> None:
    one = recording.decoder()
    for payload in payloads(data_dir, recording):
        one.frame(payload)
    assert one.refusals == {}
    assert one.fallbacks == one.dust == 0
    assert one.kinds["SNAPSHOT"] == 1


def test_documented_samples_are_understood(data_dir: Path) -> None:
    folder = data_dir / "messages" / "binance" / "futures" / "market_data_json"
    kinds = {}
    for path in sorted(folder.glob("*.json")):
        symbol = msgspec.json.decode(path.read_bytes()).get("s", "BTCUSDT")
        one = decoder("binance_usdm", symbol, "0.0001", "0.001")
        compact = msgspec.json.encode(msgspec.json.decode(path.read_bytes()))
        assert fields_of(one.frame(path.read_bytes())) == fields_of(one.frame(compact))
        kinds[path.stem] = MessageKind(one.frame(compact).kind).name
    assert kinds["depth_update_stream"] == "DEPTH"
    assert kinds["book_ticker_stream"] == "BOOK_TICKER"
    assert kinds["trade_stream"] == "TRADE"
    assert kinds["agg_trade_stream"] == "AGG_TRADE"
    assert kinds["kline_stream_closed"] == "IGNORED"
