"""Whatever a client sends is answered: no text, parameter or header makes the protocol layer fail."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st
from rest_client import Client

from mmbot.sim.connection import Connection
from mmbot.sim.rest import RestRequest
from mmbot.sim.stream_session import StreamSession
from mmbot.sim.ws_api import WsApiSession

CLIENT = Client(enforce_limits=False)
SERVER = CLIENT.server._servers["binance_usdm"]
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)


class Nowhere:
    """A transport that swallows everything."""

    def write(self, data: bytes) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return False


def connection() -> Connection:
    return Connection(None, Nowhere(), opened_s=0.0, max_backlog_bytes=1 << 20)


def api_session() -> WsApiSession:
    return WsApiSession(SERVER.gateway, SERVER._methods, SERVER.hub, connection(), ip="127.0.0.1")


@given(st.text() | JSON.map(json.dumps))
@settings(max_examples=200, deadline=None)
def test_any_text_to_the_order_api(text: str):
    assert json.loads(api_session().answer(text).body)["status"] >= 400


@given(
    st.sampled_from(sorted(SERVER._methods)),
    st.dictionaries(st.sampled_from(["symbol", "limit", "id", "apiKey", "timestamp"]), JSON),
)
@settings(max_examples=300, deadline=None)
def test_any_parameters_to_the_order_api(method: str, params: dict):
    answer = json.loads(api_session().answer(json.dumps({"id": 1, "method": method, "params": params})).body)
    assert ("result" in answer) != ("error" in answer)


@given(
    st.text() | JSON.map(json.dumps),
    st.sampled_from(["SUBSCRIBE", "UNSUBSCRIBE", "SET_PROPERTY", "GET_PROPERTY", "X"]),
    JSON,
)
@settings(max_examples=300, deadline=None)
def test_anything_on_a_stream_socket(text: str, method: str, params):
    client = connection()
    session = StreamSession(SERVER.hub, client, SERVER.gateway.listen_keys, category="", max_streams=10_000)
    for said in (text, json.dumps({"method": method, "params": params, "id": 1})):
        answer = json.loads(session.answer(said))
        assert ("result" in answer) != ("error" in answer)
    SERVER.hub.remove(client)


@given(
    st.sampled_from(["GET", "POST", "DELETE", "X"]),
    st.text(max_size=60),
    st.text(max_size=60),
    st.none() | st.text(max_size=70),
)
@settings(max_examples=300, deadline=None)
def test_any_query_body_and_key(method: str, query: str, body: str, key: str | None):
    for path in ("/fapi/v1/depth", "/fapi/v1/order", "/fapi/v1/listenKey"):
        reply = SERVER._rest.answer(RestRequest(method, path, query, body, key))
        assert reply.status in (200, 400, 401, 404)
        json.loads(reply.body)
