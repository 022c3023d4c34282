"""The HTTP endpoint of a bot: ``/metrics`` for Prometheus, ``/healthz`` and ``/readyz`` for whatever keeps it running.

Metrics are made from one `StatusSnapshot` when somebody asks, so counting costs the hot path nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, GCCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from mmbot import __version__
from mmbot.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mmbot.ops.status import PnlView, StatusSnapshot

LEVELS = ("normal", "pull_quotes", "reduce_only", "flatten", "halt")
PNL_PARTS = ("spread", "inventory", "hedge", "fees", "funding")


class SnapshotCollector(Collector):
    """Turns the present snapshot into metric families."""

    def __init__(self, snapshot: Callable[[], StatusSnapshot]) -> None:
        self._snapshot = snapshot

    def describe(self) -> list[Metric]:
        """Nothing in advance: the families depend on the bot's markets."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield every family of the present moment."""
        now = self._snapshot()
        yield from _process(now)
        yield from _markets(now)
        yield from _money(now)
        yield from _feeds(now)
        yield from _latency(now)
        for name, value in sorted(now.counters.items()):
            yield CounterMetricFamily(f"mmbot_{name}", f"Number of {name.replace('_', ' ')}.", value=value)
        yield _gauge("custom", "Values that the strategy reports.", ["name"], _by_name(now.gauges))


class MetricsServer:
    """Serves the endpoint inside the bot's event loop.

    Args:
        host: Address to listen on; the config sees to it that it is loopback unless said otherwise.
        port: Port; 0 picks a free one.
        snapshot: Returns the present state.
    """

    def __init__(self, host: str, port: int, snapshot: Callable[[], StatusSnapshot]) -> None:
        self._host = host
        self._port = port
        self._snapshot = snapshot
        self._registry = CollectorRegistry()
        self._registry.register(SnapshotCollector(snapshot))
        ProcessCollector(registry=self._registry)
        GCCollector(registry=self._registry)
        self._runner: web.AppRunner | None = None

    @property
    def port(self) -> int:
        """The port in use, once started."""
        return self._port

    async def start(self) -> None:
        """Begin to serve.

        Raises:
            ConfigError: the address cannot be listened on.
        """
        app = web.Application()
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port)
        try:
            await site.start()
        except OSError as error:
            await self.stop()
            reason = error.strerror or error
            raise ConfigError(f"metrics.listen: {self._host}:{self._port} cannot be listened on: {reason}") from None
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop serving."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _metrics(self, _request: web.Request) -> web.Response:
        body = generate_latest(self._registry)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _healthz(self, _request: web.Request) -> web.Response:
        now = self._snapshot()
        return web.json_response({"state": now.state}, status=503 if now.state == "stopped" else 200)

    async def _readyz(self, _request: web.Request) -> web.Response:
        now = self._snapshot()
        ready = now.ready and now.state == "running"
        body = {"ready": ready, "state": now.state, "level": now.level, "reason": now.reason}
        return web.json_response(body, status=200 if ready else 503)


def _gauge(name: str, text: str, labels: list[str], rows: Iterator[tuple[list[str], float]]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"mmbot_{name}", text, labels=labels)
    for values, value in rows:
        family.add_metric(values, value)
    return family


def _by_name(values: dict[str, float]) -> Iterator[tuple[list[str], float]]:
    return (([name], value) for name, value in sorted(values.items()))


def _process(now: StatusSnapshot) -> Iterator[Metric]:
    info = {
        "bot": now.bot,
        "version": __version__,
        "strategy": now.strategy,
        "strategy_hash": now.strategy_hash,
        "paper": str(now.paper).lower(),
    }
    yield InfoMetricFamily("mmbot", "What runs here.", value=info)
    yield GaugeMetricFamily("mmbot_uptime_seconds", "Since the start of the run.", value=now.uptime_s)
    yield GaugeMetricFamily("mmbot_ready", "Whether every maker market may be quoted on.", value=float(now.ready))
    text = f"Risk level: {', '.join(f'{i} {level}' for i, level in enumerate(LEVELS))}."
    yield GaugeMetricFamily("mmbot_risk_level", text, value=float(LEVELS.index(now.level)))
    yield _gauge("state", "1 for the state the bot is in.", ["state"], iter([([now.state], 1.0)]))


def _markets(now: StatusSnapshot) -> Iterator[Metric]:
    markets = now.markets
    yield _gauge("position", "Base units, signed.", ["market"], (([m.id], float(m.position)) for m in markets))
    yield _gauge(
        "best_price",
        "Best price of the book, quote units.",
        ["market", "side"],
        (
            ([m.id, side], float(levels[0].price))
            for m in markets
            for side, levels in (("bid", m.bids), ("ask", m.asks))
            if levels
        ),
    )
    yield _gauge(
        "working_orders",
        "Our working orders.",
        ["market", "side"],
        (
            ([m.id, side], float(sum(quote.side == side for quote in m.quotes)))
            for m in markets
            for side in ("buy", "sell")
        ),
    )
    yield _gauge(
        "book_trusted", "Whether the book is in sync.", ["market"], (([m.id], float(m.trusted)) for m in markets)
    )
    ages = (([m.id], m.book_age_s) for m in markets if m.book_age_s is not None)
    yield _gauge("book_age_seconds", "Since the last book message.", ["market"], ages)


def _money(now: StatusSnapshot) -> Iterator[Metric]:
    yield GaugeMetricFamily("mmbot_session_pnl", "Profit and loss of the session, quote units.", value=now.pnl.total)
    yield _gauge("pnl", "Parts of the session's profit and loss.", ["part"], _parts([], now.pnl))
    rows = (row for market in now.markets for row in _parts([market.id], market.pnl))
    yield _gauge("market_pnl", "Parts of a market's profit and loss.", ["market", "part"], rows)
    deltas = (([hedge.asset], hedge.net_delta) for hedge in now.hedges)
    yield _gauge("hedge_net_delta", "Net delta over all markets, base units.", ["asset"], deltas)
    backlogs = (([hedge.asset], hedge.backlog) for hedge in now.hedges)
    yield _gauge("hedge_backlog", "Delta that waits for its hedge, base units.", ["asset"], backlogs)
    ages = (([hedge.asset], hedge.oldest_ms * 1e-3) for hedge in now.hedges)
    yield _gauge("hedge_backlog_age_seconds", "Since when it waits.", ["asset"], ages)


def _parts(labels: list[str], pnl: PnlView) -> Iterator[tuple[list[str], float]]:
    return (([*labels, part], getattr(pnl, part)) for part in PNL_PARTS)


def _feeds(now: StatusSnapshot) -> Iterator[Metric]:
    yield _gauge("feed_up", "Whether a feed is connected.", ["feed"], (([f.name], float(f.up)) for f in now.feeds))
    messages = CounterMetricFamily("mmbot_feed_messages", "Messages of a feed.", labels=["feed"])
    reconnects = CounterMetricFamily("mmbot_feed_reconnects", "Reconnects of a feed.", labels=["feed"])
    for feed in now.feeds:
        messages.add_metric([feed.name], feed.messages)
        reconnects.add_metric([feed.name], feed.reconnects)
    yield messages
    yield reconnects
    rates = (([venue, name], used) for venue, budgets in now.rates.items() for name, used in budgets.items())
    yield _gauge(
        "venue_rate", "Use of a venue's rate budgets, their limits, and seconds of pause.", ["venue", "budget"], rates
    )


def _latency(now: StatusSnapshot) -> Iterator[Metric]:
    rows = (
        ([hop, quantile], value * 1e-6)
        for hop, latency in now.latency_us.items()
        for quantile, value in (
            ("0.5", latency.p50_us),
            ("0.99", latency.p99_us),
            ("0.999", latency.p999_us),
            ("1", latency.max_us),
        )
    )
    yield _gauge("latency_seconds", "Latency of each hop on the way of an event.", ["hop", "quantile"], rows)
    samples = CounterMetricFamily("mmbot_latency_samples", "Number of stamps of each hop.", labels=["hop"])
    for hop, latency in now.latency_us.items():
        samples.add_metric([hop], latency.count)
    yield samples
