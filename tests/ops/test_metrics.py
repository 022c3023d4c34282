"""The Prometheus endpoint."""

from __future__ import annotations

import dataclasses
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from mmbot.errors import ConfigError
from mmbot.ops.metrics import MetricsServer
from mmbot.ops.status import StatusSnapshot


@asynccontextmanager
async def serving(now: StatusSnapshot) -> AsyncIterator[str]:
    server = MetricsServer("127.0.0.1", 0, lambda: now)
    await server.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        await server.stop()


async def get(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.status, await response.text()


async def test_metrics_say_what_the_snapshot_says(snapshot: StatusSnapshot) -> None:
    async with serving(snapshot) as url:
        status, text = await get(f"{url}/metrics")
    assert status == 200
    samples = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert samples["mmbot_position", ("market", "perp_btc")] == -0.015
    assert samples["mmbot_best_price", ("market", "perp_btc"), ("side", "bid")] == 59999.9
    assert ("mmbot_best_price", ("market", "spot_btc"), ("side", "bid")) not in samples
    assert samples["mmbot_working_orders", ("market", "perp_btc"), ("side", "buy")] == 2
    assert samples["mmbot_book_trusted", ("market", "spot_btc")] == 0
    assert samples["mmbot_session_pnl",] == 1.25
    assert samples["mmbot_pnl", ("part", "fees")] == -0.5
    assert samples["mmbot_fills_total",] == 7
    assert samples["mmbot_feed_messages_total", ("feed", "perp.public")] == 1234
    assert samples["mmbot_latency_seconds", ("hop", "book"), ("quantile", "0.99")] == pytest.approx(1.9e-6)
    assert samples["mmbot_latency_samples_total", ("hop", "book")] == 5000
    assert samples["mmbot_custom", ("name", "half_spread_bps")] == 3.5
    assert samples["mmbot_venue_rate", ("budget", "weight_1m"), ("venue", "perp")] == 120
    assert samples["mmbot_risk_level",] == 0
    info = next(key for key in samples if key[0] == "mmbot_info")
    assert ("strategy", "pmm") in info


async def test_ready_only_while_running_and_quotable(snapshot: StatusSnapshot) -> None:
    for now, expected in (
        (snapshot, 200),
        (dataclasses.replace(snapshot, ready=False, reason="perp_btc: buffering"), 503),
        (dataclasses.replace(snapshot, state="paused"), 503),
    ):
        async with serving(now) as url:
            status, text = await get(f"{url}/readyz")
        assert status == expected
        assert now.reason in text


async def test_healthy_until_stopped(snapshot: StatusSnapshot) -> None:
    async with serving(dataclasses.replace(snapshot, state="paused")) as url:
        assert (await get(f"{url}/healthz"))[0] == 200
    async with serving(dataclasses.replace(snapshot, state="stopped")) as url:
        assert (await get(f"{url}/healthz"))[0] == 503


async def test_a_taken_port_is_a_config_error(snapshot: StatusSnapshot) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"metrics\.listen: 127\.0\.0\.1:{port} cannot be listened on"):
            await MetricsServer("127.0.0.1", port, lambda: snapshot).start()


async def test_counting_keeps_nothing_between_requests(snapshot: StatusSnapshot) -> None:
    """Labels of a market that has gone do not stay behind: the families are made anew."""
    server = MetricsServer("127.0.0.1", 0, lambda: now[0])
    now = [snapshot]
    await server.start()
    url = f"http://127.0.0.1:{server.port}/metrics"
    try:
        assert 'market="spot_btc"' in (await get(url))[1]
        now[0] = dataclasses.replace(snapshot, markets=snapshot.markets[:1])
        assert 'market="spot_btc"' not in (await get(url))[1]
    finally:
        await server.stop()


async def test_names_and_types_are_as_prometheus_wants_them(snapshot: StatusSnapshot) -> None:
    """A gauge by the name of a counter was rated as one."""
    async with serving(dataclasses.replace(snapshot, gauges={"nan": float("nan"), 'quote " \\ \n': 1.0})) as url:
        _, text = await get(f"{url}/metrics")
    families = list(text_string_to_metric_families(text))
    assert len({family.name for family in families}) == len(families)
    for family in families:
        assert family.documentation, family.name
        assert family.type in {"gauge", "counter", "info"} or family.name.startswith("python_gc"), family.name
        assert re.fullmatch(r"(mmbot|process|python)_[a-z0-9_]+", family.name)
        reserved = ("_total", "_sum", "_count", "_bucket", "_created")
        if family.type == "gauge":
            assert not family.name.endswith(reserved), family.name
        labels = [tuple(sorted(sample.labels.items())) for sample in family.samples]
        assert len(set(labels)) == len(labels), f"{family.name}: a series stands twice"
    custom = next(family for family in families if family.name == "mmbot_custom")
    assert {sample.labels["name"] for sample in custom.samples} == {"nan", 'quote " \\ \n'}


@pytest.mark.parametrize("state", ["starting", "running", "paused", "stopping", "stopped"])
async def test_health_and_readiness_in_each_state(snapshot: StatusSnapshot, state: str) -> None:
    async with serving(dataclasses.replace(snapshot, state=state)) as url:  # type: ignore[arg-type]
        healthy, ready = (await get(f"{url}/healthz"))[0], (await get(f"{url}/readyz"))[0]
        _, text = await get(f"{url}/metrics")
    assert (healthy, ready) == (503 if state == "stopped" else 200, 200 if state == "running" else 503)
    assert f'mmbot_state{{state="{state}"}} 1.0' in text
