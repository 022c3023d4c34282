"""``mmbot record``: live market data to disk."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mmbot.cli.options import AsJson, Overrides, write_json
from mmbot.cli.run import seconds

if TYPE_CHECKING:
    from mmbot.config import Config
    from mmbot.recorder import Recorder, RecorderRules


class Network(StrEnum):
    """Which of a venue's public addresses."""

    LIVE = "live"
    TESTNET = "testnet"


def command(
    config: Annotated[
        Path | None,
        typer.Argument(metavar="[CONFIG]", help="Record every market of this config.", show_default=False),
    ] = None,
    overrides: Overrides = None,
    venue: Annotated[
        str | None, typer.Option(metavar="KIND", help="Without a config: the venue, as `binance_usdm`.")
    ] = None,
    symbol: Annotated[
        list[str] | None, typer.Option(help="With --venue: a market, as `BTC/USDT:USDT` or `BTCUSDT`; repeatable.")
    ] = None,
    network: Annotated[Network, typer.Option(help="With --venue: which of its addresses.")] = Network.LIVE,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the files go.")] = Path("recordings"),
    duration: Annotated[
        str | None, typer.Option("--for", metavar="TIME", help="Stop after this long: `90s`, `10m`, `2h`.")
    ] = None,
    rotate: Annotated[
        str, typer.Option(metavar="TIME", help="Begin a new file after this long: `30m`, `24h`; `never`.")
    ] = "1h",
    max_mb: Annotated[float, typer.Option(min=0.01, help="Begin a new file at this size, compressed.")] = 256.0,
    spool_mb: Annotated[
        float, typer.Option(min=0.01, help="Memory for what waits to be written; beyond it messages are dropped.")
    ] = 64.0,
    sync_ms: Annotated[
        float, typer.Option(min=10, max=60_000, help="What was received longer ago than this survives a crash.")
    ] = 500.0,
    level: Annotated[int, typer.Option(min=1, max=9, help="Compression, 1 (fast) to 9 (small).")] = 6,
    as_json: AsJson = False,
) -> None:
    """Record live market data, raw, as it is received: one gzipped stream of lines a market. No keys, no orders.

    A line is `<receive time, ns> <message>`; REST snapshots stand among the messages as bare bodies. A snapshot is
    taken at the start, after reconnects, after gaps and in each new file. What was received more than `--sync-ms` ago
    survives `kill -9` and loss of power. `mmbot inspect` and `mmbot convert` read the files.

    Example: `mmbot record --venue binance_usdm --symbol BTC/USDT:USDT --symbol ETH/USDT:USDT --out recordings --for 8h`
    """
    import uvloop

    from mmbot.config import load
    from mmbot.errors import ConfigError
    from mmbot.ops.logging import LogSetup
    from mmbot.recorder import FileRules, RecorderRules

    if (config is None) == (venue is None):
        raise ConfigError("record: expected a config file, or --venue with --symbol; one of the two")
    rules = RecorderRules(
        sync_s=sync_ms / 1000,
        spool_bytes=int(mebibytes(spool_mb)),
        files=FileRules(
            max_bytes=int(mebibytes(max_mb)),
            max_s=0.0 if rotate == "never" else seconds(rotate, "--rotate") or 0.0,
            level=level,
        ),
    )
    checked = load(config, overrides or []) if config is not None else None
    named = (venue or "", symbol or [], network.value)
    log = LogSetup(checked.bot.log_level if checked is not None else "info", console=True)
    try:
        summary = uvloop.run(_record(checked, named, out, rules, seconds(duration)))
    finally:
        log.close()
    if as_json:
        write_json(summary)
    else:
        _tell(summary)
    if summary["dropped"]:
        raise typer.Exit(1)


def mebibytes(count: float) -> float:
    """Bytes of so many MiB."""
    return count * (1 << 20)


async def _record(
    config: Config | None, named: tuple[str, list[str], str], out: Path, rules: RecorderRules, duration_s: float | None
) -> dict[str, Any]:
    from mmbot.engine.embedded import embedded_exchange
    from mmbot.recorder import Recorder
    from mmbot.recorder.plan import from_config, from_names

    async with contextlib.AsyncExitStack() as stack:
        server = None
        if config is not None and any(venue.endpoint == "sim" for venue in config.venues.values()):
            server = await stack.enter_async_context(embedded_exchange(config))
        sources = from_config(config, server) if config is not None else from_names(*named)
        recorder = Recorder(sources, out, rules)
        _stop_on_signals(recorder)
        if server is not None:
            ending = asyncio.create_task(_stop_at_the_end(server, recorder))
            stack.callback(ending.cancel)
        return await recorder.run(duration_s)


async def _stop_at_the_end(server: Any, recorder: Recorder) -> None:
    """An embedded exchange that plays a recording comes to its end."""
    while not server.exchange.finished:  # noqa: ASYNC110 - nothing signals it
        await asyncio.sleep(0.1)
    recorder.stop("end of recording")


def _stop_on_signals(recorder: Recorder) -> None:
    loop = asyncio.get_running_loop()

    def first(number: signal.Signals) -> None:
        for each in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(each)
            signal.signal(each, signal.SIG_DFL)  # the second one forces; what was synced is safe
        recorder.stop(f"signal {number.name}")

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, first, number)


def _tell(summary: dict[str, Any]) -> None:
    typer.echo(f"recorded {summary['lines']} lines in {summary['seconds']:.0f} s ({summary['ended']})")
    for name, market in summary["markets"].items():
        typer.echo(
            f"  {name}: {market['lines']} lines, {market['snapshots']} snapshots, {market['gaps']} gaps, "
            f"{market['file_bytes'] / 1e6:.2f} MB of {market['raw_bytes'] / 1e6:.2f}, book {market['book']}"
        )
        for path in market["files"]:
            typer.echo(f"    {path}")
    for path in summary["other_files"]:
        typer.echo(f"  of no market: {path}")
    if summary["dropped"]:
        typer.echo(f"{summary['dropped']} messages were dropped: the disk did not keep up", err=True)
