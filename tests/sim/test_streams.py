"""Fan-out: bytes made once, envelopes, categories, spoilt frames, slow consumers."""

from __future__ import annotations

import json
import struct

import pytest

from mmbot.sim.connection import Connection, frame
from mmbot.sim.events import MarketEvent, UserEvent
from mmbot.sim.faults import Fault, FaultInjector, FaultKind, FaultPlan
from mmbot.sim.listen_keys import ListenKeys
from mmbot.sim.stream_session import StreamSession, TooManyStreams
from mmbot.sim.streams import StreamHub, category_of

USDM = "binance_usdm"
DEPTH = "btcusdt@depth@0ms"


class Wire:
    """Stands for a transport: keeps what is written, never drains when told so."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.stuck = False
        self.aborted = False

    def write(self, data: bytes) -> None:
        assert not self.aborted, "written to after abort"
        self.written.append(data)

    def get_write_buffer_size(self) -> int:
        return sum(map(len, self.written)) if self.stuck else 0

    def is_closing(self) -> bool:
        return self.aborted

    def abort(self) -> None:
        self.aborted = True


class Market:
    """Stands for a venue: knows a few streams."""

    name = USDM

    def __init__(self) -> None:
        self.wanted: list[str] = []

    def subscribe(self, stream: str) -> bool:
        if not stream.startswith("btcusdt@"):
            return False
        self.wanted.append(stream)
        return True

    def unsubscribe(self, stream: str) -> None:
        self.wanted.remove(stream)


class Fixture:
    def __init__(self) -> None:
        self.market = Market()
        self.injector = FaultInjector(FaultPlan(), 0.0)
        self.hub = StreamHub(self.market, self.injector)
        self.keys = ListenKeys(3600.0, "test")
        self.count = 0

    def connect(self, *, combined: bool = False, backlog: int = 1 << 20) -> Connection:
        connection = Connection(None, Wire(), opened_s=0.0, max_backlog_bytes=backlog)
        connection.combined = combined
        self.hub.add(connection)
        return connection

    def session(self, connection: Connection, category: str = "", max_streams: int = 1024) -> StreamSession:
        return StreamSession(self.hub, connection, self.keys, category=category, max_streams=max_streams)

    def emit(self, stream: str = DEPTH) -> int:
        self.count += 1
        self.hub.publish(MarketEvent(USDM, stream, b'{"u":%d}' % self.count))
        return self.count

    def spoil(self, **fault) -> None:
        self.injector.add(Fault(**fault), 0.0)
        assert self.injector.due(0.0) == []


@pytest.fixture
def fix() -> Fixture:
    return Fixture()


def received(connection: Connection) -> list:
    messages = []
    for data in connection._transport.written:
        size, start = data[1], 2
        if size == 126:
            size, start = struct.unpack("!H", data[2:4])[0], 4
        assert data[0] == 0x81
        assert len(data) == start + size
        messages.append(json.loads(data[start:]))
    return messages


@pytest.mark.parametrize("size", [0, 125, 126, 65535, 65536, 70000])
def test_frame_header(size: int):
    data = frame(b"x" * size)
    lengths = {True: data[1], False: 0}
    if size < 126:
        assert lengths[True] == size
        assert len(data) == size + 2
    elif size < 65536:
        assert data[1] == 126
        assert struct.unpack("!H", data[2:4]) == (size,)
        assert len(data) == size + 4
    else:
        assert data[1] == 127
        assert struct.unpack("!Q", data[2:10]) == (size,)
        assert len(data) == size + 10


def test_raw_and_combined_listeners_get_their_own_envelope(fix: Fixture):
    raw, second, combined = fix.connect(), fix.connect(), fix.connect(combined=True)
    for connection in (raw, second, combined):
        fix.hub.subscribe(connection, DEPTH)
    fix.emit()
    assert received(raw) == [{"u": 1}]
    assert received(combined) == [{"stream": DEPTH, "data": {"u": 1}}]
    assert raw._transport.written[0] is second._transport.written[0], "framed once"
    assert fix.hub.frames_out == 3


def test_the_exchange_is_asked_for_a_stream_while_somebody_listens(fix: Fixture):
    one, two = fix.connect(), fix.connect()
    fix.hub.subscribe(one, DEPTH)
    fix.hub.subscribe(one, DEPTH)
    fix.hub.subscribe(two, DEPTH)
    assert fix.market.wanted == [DEPTH]
    fix.hub.unsubscribe(one, DEPTH)
    fix.emit()
    assert received(one) == []
    assert received(two) == [{"u": 1}]
    fix.hub.remove(two)
    assert fix.market.wanted == []
    fix.emit()


@pytest.mark.parametrize(
    ("stream", "category"),
    [
        ("btcusdt@depth", "public"),
        ("btcusdt@depth5@100ms", "public"),
        ("btcusdt@bookTicker", "public"),
        ("!bookTicker", "public"),
        ("btcusdt@trade", "public"),
        ("btcusdt@aggTrade", "market"),
        ("btcusdt@markPrice@1s", "market"),
        ("!markPrice@arr", "market"),
        ("!forceOrder@arr", "market"),
        ("abcdef0123", "private"),
    ],
)
def test_categories(stream: str, category: str):
    assert category_of(stream) == category


def test_a_stream_of_another_category_is_acknowledged_and_silent(fix: Fixture):
    connection = fix.connect()
    session = fix.session(connection, "market")
    assert json.loads(session.answer(f'{{"method":"SUBSCRIBE","params":["{DEPTH}"],"id":1}}')) == {
        "result": None,
        "id": 1,
    }
    fix.emit()
    assert received(connection) == []
    assert fix.market.wanted == []
    assert json.loads(session.answer('{"method":"LIST_SUBSCRIPTIONS","id":2}')) == {"result": [DEPTH], "id": 2}


def test_subscribe_list_unsubscribe(fix: Fixture):
    connection = fix.connect()
    session = fix.session(connection)
    say = lambda text: json.loads(session.answer(text))  # noqa: E731
    assert say(f'{{"method":"SUBSCRIBE","params":["{DEPTH}","BTCUSDT@depth"],"id":"a"}}') == {"result": None, "id": "a"}
    fix.emit()
    assert say('{"method":"LIST_SUBSCRIPTIONS","id":2}') == {"result": [DEPTH, "BTCUSDT@depth"], "id": 2}
    assert say(f'{{"method":"UNSUBSCRIBE","params":["{DEPTH}","none@depth"],"id":3}}') == {"result": None, "id": 3}
    fix.emit()
    assert received(connection) == [{"u": 1}]


def test_combined_property(fix: Fixture):
    connection = fix.connect()
    session = fix.session(connection)
    session.open([DEPTH])
    assert json.loads(session.answer('{"method":"GET_PROPERTY","params":["combined"],"id":1}'))["result"] is False
    assert json.loads(session.answer('{"method":"SET_PROPERTY","params":["combined",true],"id":1}'))["result"] is None
    fix.emit()
    assert received(connection) == [{"stream": DEPTH, "data": {"u": 1}}]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", 3),
        ("[]", 2),
        ('{"id":1}', 2),
        ('{"method":"FOO","id":1}', 2),
        ('{"method":"SUBSCRIBE","params":[1],"id":1}', 2),
        ('{"method":"SUBSCRIBE","params":"x","id":1}', 2),
        ('{"method":"SUBSCRIBE","params":[],"id":{}}', 2),
        ('{"method":"GET_PROPERTY","params":["x"],"id":1}', 0),
        ('{"method":"SET_PROPERTY","params":["combined",1],"id":1}', 1),
        (b"\xff\xfe", 3),
    ],
)
def test_nonsense_is_answered_with_its_error(fix: Fixture, text, code: int):
    assert json.loads(fix.session(fix.connect()).answer(text))["error"]["code"] == code


def test_too_many_streams(fix: Fixture):
    session = fix.session(fix.connect(), max_streams=2)
    with pytest.raises(TooManyStreams):
        session.open(["btcusdt@a", "btcusdt@b", "btcusdt@c"])


def test_private_events_go_to_the_account_in_the_envelope_of_the_subscription(fix: Fixture):
    key = fix.keys.start("main", 0.0)
    raw, combined, other = fix.connect(), fix.connect(combined=True), fix.connect()
    fix.session(raw, "private").open([key], frozenset({"ORDER_TRADE_UPDATE"}))
    fix.session(combined).open([key])
    fix.session(other).open([fix.keys.start("else", 0.0)])
    fix.hub.publish(UserEvent(USDM, "main", {"e": "ORDER_TRADE_UPDATE"}))
    fix.hub.publish(UserEvent(USDM, "main", {"e": "ACCOUNT_UPDATE"}))
    assert received(raw) == [{"e": "ORDER_TRADE_UPDATE"}]
    assert [m["data"]["e"] for m in received(combined)] == ["ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE"]
    assert received(combined)[0]["stream"] == key
    assert received(other) == []
    assert raw.matches("user")
    assert not raw.matches("market")


def test_a_listen_key_does_not_work_on_a_market_path(fix: Fixture):
    connection = fix.connect()
    fix.session(connection, "public").open([fix.keys.start("main", 0.0)])
    fix.hub.publish(UserEvent(USDM, "main", {"e": "X"}))
    assert received(connection) == []


def test_spoilt_frames(fix: Fixture):
    connection = fix.connect()
    fix.hub.subscribe(connection, DEPTH)
    numbers = lambda: [m["u"] for m in received(connection)]  # noqa: E731
    fix.emit()
    fix.spoil(kind=FaultKind.DROP_FRAME)
    fix.emit()
    fix.emit()
    assert numbers() == [1, 3]
    fix.spoil(kind=FaultKind.DUPLICATE_FRAME)
    fix.emit()
    assert numbers() == [1, 3, 4, 4]
    fix.spoil(kind=FaultKind.REORDER_FRAMES)
    fix.emit()
    fix.emit()
    fix.emit()
    assert numbers() == [1, 3, 4, 4, 6, 5, 7]
    fix.spoil(kind=FaultKind.SEQUENCE_GAP, count=2)
    for _ in range(4):
        fix.emit()
    assert numbers()[-2:] == [10, 11]
    assert fix.injector.injected == {"drop_frame": 1, "duplicate_frame": 1, "reorder_frames": 1, "sequence_gap": 2}


def test_a_slow_consumer_is_cut_off_and_others_are_not(fix: Fixture):
    slow, quick = fix.connect(backlog=1000), fix.connect(backlog=1000)
    slow._transport.stuck = True
    for connection in (slow, quick):
        fix.hub.subscribe(connection, DEPTH)
    for _ in range(200):
        fix.emit()
    assert slow.slow
    assert slow._transport.aborted
    assert len(received(quick)) == 200
    fix.hub.remove(slow)
    assert fix.hub.slow_consumers == 1


def test_a_muted_connection_stays_open_and_silent(fix: Fixture):
    connection = fix.connect()
    fix.hub.subscribe(connection, DEPTH)
    connection.muted = True
    fix.emit()
    connection.muted = False
    fix.emit()
    assert received(connection) == [{"u": 2}]


def test_listen_keys_expire_extend_and_close():
    keys = ListenKeys(60.0, "seed")
    key = keys.start("main", 0.0)
    assert keys.start("main", 30.0) == key
    assert keys.expire(89.0) == []
    keys.keep_alive(key, 89.0)
    assert keys.expire(120.0) == []
    assert keys.expire(150.0) == [(key, "main")]
    assert keys.account(key) is None
    for action in (lambda: keys.keep_alive(key, 0.0), lambda: keys.close(key)):
        with pytest.raises(Exception, match="-1125"):
            action()
    assert keys.start("main", 200.0) != key


def test_incoming_messages_are_counted_by_the_second(fix: Fixture):
    connection = fix.connect()
    assert [connection.allow_message(5.1, 3) for _ in range(4)] == [True, True, True, False]
    assert connection.allow_message(6.0, 3)
