"""``mmbot exchange``: the simulated exchange, for any client that speaks the venues' protocols."""

from __future__ import annotations

import asyncio
import signal
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mmbot.cli.options import AsJson, write_json
from mmbot.errors import ConfigError

if TYPE_CHECKING:
    from mmbot.sim.server import SimServer
    from mmbot.sim.server_config import ServerConfig

FUTURES_PORT, SPOT_PORT = 18080, 18081


class Source(StrEnum):
    """Where the market comes from."""

    TRADERS = "traders"
    RECORDING = "recording"


def command(
    source: Annotated[Source, typer.Option(help="Simulated traders, or recorded frames.")] = Source.TRADERS,
    file: Annotated[
        list[str] | None,
        typer.Option(metavar="VENUE:SYMBOL=PATH", help="A recording, as `binance_usdm:BTCUSDT=x.gz`; repeatable."),
    ] = None,
    speed: Annotated[float, typer.Option(min=0, help="Recorded seconds per second; 0 is as fast as possible.")] = 1.0,
    loop: Annotated[bool, typer.Option("--loop", help="Start a recording again at its end.")] = False,
    symbol: Annotated[
        list[str] | None, typer.Option(help="Listed symbols, any `<BASE>USDT`; repeatable. Default BTCUSDT, ETHUSDT.")
    ] = None,
    markets: Annotated[int, typer.Option(min=0, help="List so many made-up markets, too.")] = 0,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 1,
    activity: Annotated[float, typer.Option(min=0, help="Scales how busy simulated traders are.")] = 1.0,
    funding_interval: Annotated[float, typer.Option(metavar="SECONDS", help="Between funding settlements.")] = 28_800.0,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    futures_port: Annotated[int, typer.Option(help="Port of USD-M futures; 0 picks a free one.")] = FUTURES_PORT,
    spot_port: Annotated[int, typer.Option(help="Port of spot; 0 picks a free one.")] = SPOT_PORT,
    tls: Annotated[bool, typer.Option("--tls", help="https and wss, with a certificate made at start.")] = False,
    tls_dir: Annotated[Path | None, typer.Option(metavar="DIR", help="Where certificate files go.")] = None,
    faults: Annotated[Path | None, typer.Option(metavar="FILE", help="A fault plan (YAML).")] = None,
    api_key: Annotated[str, typer.Option(help="API key of the account; made up by default.")] = "",
    secret: Annotated[str, typer.Option(help="Its secret; made up by default.")] = "",
    ed25519: Annotated[
        Path | None, typer.Option(metavar="PEM", help="Public key for a second API key, `ed25519`, that may log on.")
    ] = None,
    no_limits: Annotated[bool, typer.Option("--no-limits", help="Never answer 429 or 418.")] = False,
    as_json: AsJson = False,
) -> None:
    """Serve a simulated exchange that speaks Binance USD-M futures and spot on loopback, until a signal.

    Point any client's base URL at it. Keys are made up and shown; they are worth nothing anywhere else.

    Example: `mmbot exchange --seed 7 --tls --tls-dir ./tls --faults faults.yaml`
    """
    import uvloop

    from mmbot.sim.exchange import ExchangeConfig
    from mmbot.sim.faults import FaultPlan, load_plan
    from mmbot.sim.minor import minor_symbols
    from mmbot.sim.server_config import Account, ServerConfig

    config = ServerConfig(
        exchange=ExchangeConfig(
            source=source.value,
            seed=seed,
            recordings=dict(_recording(text) for text in file or ()),
            speed=speed,
            loop=loop,
            activity=activity,
            funding_interval_s=funding_interval,
            symbols=(*(symbol or ("BTCUSDT", "ETHUSDT")), *minor_symbols(markets)),
        ),
        accounts=(
            Account(
                api_key=api_key,
                api_secret=secret,
                ed25519_key="ed25519" if ed25519 else "",
                public_key_pem=ed25519.read_bytes() if ed25519 else b"",
            ),
        ),
        host=host,
        futures_port=futures_port,
        spot_port=spot_port,
        tls=tls,
        tls_dir=tls_dir,
        faults=load_plan(faults) if faults else FaultPlan(),
        enforce_limits=not no_limits,
    )
    uvloop.run(_serve(config, as_json=as_json))


def _recording(text: str) -> tuple[tuple[str, str], Path]:
    market, _, path = text.partition("=")
    venue, _, symbol = market.partition(":")
    if venue not in ("binance_usdm", "binance_spot") or not symbol or not path:
        raise ConfigError(
            f"--file {text}: expected VENUE:SYMBOL=PATH with VENUE binance_usdm or binance_spot, "
            "as binance_usdm:BTCUSDT=btcusdt.gz"
        )
    if not Path(path).is_file():
        raise ConfigError(f"--file {text}: no such file: {path}")
    return (venue, symbol), Path(path)


async def _serve(config: ServerConfig, *, as_json: bool) -> None:
    from mmbot.sim.server import SimServer

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with SimServer(config) as server:
        _announce(server, as_json=as_json)
        waits = {asyncio.ensure_future(stop.wait()), asyncio.ensure_future(server.wait())}
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
        if not as_json:
            typer.echo("stopped")


def _announce(server: SimServer, *, as_json: bool) -> None:
    key, secret = server.credentials()
    facts: dict[str, Any] = {
        "futures_rest": server.futures.rest,
        "futures_ws": server.futures.ws,
        "futures_ws_api": server.futures.ws_api,
        "spot_rest": server.spot.rest,
        "spot_ws": server.spot.ws,
        "spot_ws_api": server.spot.ws_api,
        "api_key": key,
        "api_secret": secret,
        "ca_file": str(server.ca_file) if server.ca_file else None,
    }
    if as_json:
        write_json(facts)
        return
    typer.echo("Simulated exchange; stop it with Ctrl-C. The key is made up and good only here.")
    for name, value in facts.items():
        if value is not None:
            typer.echo(f"  {name:15} {value}")
