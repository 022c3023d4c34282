"""``mmbot convert``: recorded data to a tape, and what was found in it."""

from __future__ import annotations

import contextlib
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mmbot.cli.options import AsJson, write_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mmbot.tape import Request


class Target(StrEnum):
    """What to write."""

    TAPE = "tape"
    NPZ = "npz"
    PARQUET = "parquet"


class RuleSet(StrEnum):
    """How messages become events."""

    MMBOT = "mmbot"
    HFTBACKTEST = "hftbacktest"


_SUFFIXES = {".npz": Target.NPZ, ".npy": Target.NPZ, ".parquet": Target.PARQUET}
_FINEST = "0.00000001"


def command(
    sources: Annotated[
        list[Path],
        typer.Argument(
            metavar="SOURCE... OUT",
            show_default=False,
            help="What to convert: a file, several files of one recording in order, or a folder; then where it goes.",
        ),
    ],
    *,
    to: Annotated[
        Target | None, typer.Option(help="By default as OUT is named: `.npz`, `.npy`, `.parquet`, else a tape.")
    ] = None,
    venue: Annotated[
        str | None,
        typer.Option(help="binance_usdm, binance_coinm or binance_spot; by default as the messages show."),
    ] = None,
    symbol: Annotated[
        str | None, typer.Option(help="`BTC/USDT:USDT` or `BTCUSDT`; needed when several were recorded.")
    ] = None,
    tick: Annotated[str | None, typer.Option(metavar="SIZE", help="Price of one tick.")] = None,
    lot: Annotated[str | None, typer.Option(metavar="SIZE", help="Quantity of one lot.")] = None,
    contract_size: Annotated[
        str | None,
        typer.Option(metavar="SIZE", help="What a quantity of 1 is, in base asset; inverse: in quote asset."),
    ] = None,
    inverse: Annotated[bool | None, typer.Option("--inverse/--linear", help="Settled in the base asset.")] = None,
    maker_fee: Annotated[float | None, typer.Option(metavar="RATE", help="Fraction of notional; < 0: rebate.")] = None,
    taker_fee: Annotated[float | None, typer.Option(metavar="RATE", help="Fraction of notional.")] = None,
    exchange_info: Annotated[
        Path | None,
        typer.Option(metavar="FILE", exists=True, dir_okay=False, help="A saved exchangeInfo answer with the units."),
    ] = None,
    rules: Annotated[RuleSet, typer.Option(help="How messages become events; see docs/backtest/data.md.")] = (
        RuleSet.MMBOT
    ),
    tickers: Annotated[
        bool | None,
        typer.Option("--tickers/--no-tickers", help="Keep book tickers; by default mmbot's rules do."),
    ] = None,
    keep_going: Annotated[
        bool, typer.Option("--keep-going", help="Leave out what is damaged or cut off, and count it.")
    ] = False,
    latencies: Annotated[
        bool,
        typer.Option("--latencies", help="Of a run: the measured latencies of its orders, to OUT (.npz, or a folder)."),
    ] = False,
    info: Annotated[bool, typer.Option("--info", help="Only say what the tape SOURCE holds; no OUT.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a tape of recorded data, which a backtest then runs over; or an event array or Parquet of a tape.

    A source is a raw recording (`mmbot record`, or lines of `<ns> <json>`, gzipped or not), an hftbacktest array
    (`.npz`), Tardis' CSV files, Parquet, a run's folder, or a tape; it is recognised by its content. The report says
    what was found wrong in the data. Data that is damaged or cut off is an error, and leaves nothing behind, unless
    `--keep-going` is given. Of a run, OUT may be a folder: it gets a tape of each market.

    Example: `mmbot convert btcusdt_20240808.gz btcusdt.tape`
    """
    if info:
        _show(sources, as_json=as_json)
        return
    if len(sources) < 2:
        raise typer.BadParameter("expected SOURCE... and OUT", param_hint="OUT")
    from mmbot.tape import Request, Rules
    from mmbot.tape.exchange_info import listing_of

    *given, out = sources
    if latencies:
        _measure(given, out, symbol=symbol, keep_going=keep_going, as_json=as_json)
        return
    overrides = {
        "tick_size": tick,
        "lot_size": lot,
        "contract_size": contract_size,
        "inverse": inverse,
        "maker_fee": maker_fee,
        "taker_fee": taker_fee,
    }
    request = Request(
        sources=tuple(given),
        out=out,
        overrides={name: value for name, value in overrides.items() if value is not None},
        venue=venue,
        symbol=symbol,
        rules=Rules(rules),
        tickers=tickers,
        keep_going=keep_going,
        listing=listing_of(exchange_info) if exchange_info is not None else None,
    )
    if _is_whole_run(request):
        found = _convert_run(request)
        if as_json:
            write_json(found)
        else:
            for about in found:
                _print(about)
        return
    about = _convert(request, to or _SUFFIXES.get(out.suffix, Target.TAPE))
    if as_json:
        write_json(about)
    else:
        _print(about)


def _is_whole_run(request: Request) -> bool:
    """Whether every market of a run is meant: OUT is a folder, and no market was named."""
    from mmbot.tape.sources import kind_of

    source, out = request.source, request.out
    folder = out.is_dir() or (not out.suffix and not out.exists())
    return folder and request.symbol is None and source.is_dir() and kind_of(source).name == "run"


def _convert_run(request: Request) -> list[dict[str, Any]]:
    from mmbot.errors import TapeError
    from mmbot.tape.journal import convert_all

    try:
        with _bar(f"{request.source.name} -> {request.out.name}") as progress:
            paths = convert_all(_with(request, progress=progress))
    except OSError as error:
        raise TapeError(f"{request.source}: {error}") from None
    return [describe_tape(Path(path)) for path in paths]


def _measure(given: list[Path], out: Path, *, symbol: str | None, keep_going: bool, as_json: bool) -> None:
    from mmbot.errors import TapeError
    from mmbot.tape.latencies import save_all

    if len(given) != 1:
        raise typer.BadParameter("--latencies: expected one run", param_hint="SOURCE")
    try:
        found = save_all(given[0], out, symbol=symbol, keep_going=keep_going)
    except OSError as error:
        raise TapeError(f"{given[0]}: {error}") from None
    if as_json:
        write_json(found)
        return
    for path, summary in found.items():
        typer.echo(
            f"{path}: {summary['requests']} requests of {summary['market']}, {summary['never_arrived']} never arrived"
        )
        for name in ("entry_us", "response_us", "round_trip_us"):
            shown = ", ".join(f"{mark} {value}" for mark, value in summary[name].items())
            typer.echo(f"  {name}: {shown}")
        typer.echo(
            f"  clock offset taken off: {summary['clock_offset_ns'] / 1e6:.3f} ms; "
            f"the exchange's times are whole {summary['resolution_ns'] / 1e6:g} ms"
        )
        for reason, count in summary["left_out"].items():
            typer.echo(f"  left out: {count}, {reason}")


def _convert(request: Request, to: Target) -> dict[str, Any]:
    """Convert, with a progress bar on a terminal; what the result holds."""
    from mmbot.tape.sources import convert, said_by_file

    for path in request.sources:
        if not path.exists():
            raise typer.BadParameter(f"{path}: expected a file or folder, found none", param_hint="SOURCE")
        if path.resolve() == request.out.resolve():
            raise typer.BadParameter(f"{path}: expected another file than the source", param_hint="OUT")
    if request.out.is_dir():
        raise typer.BadParameter(f"{request.out}: expected the name of a file, found a folder", param_hint="OUT")
    if not request.out.resolve().parent.is_dir():
        raise typer.BadParameter(f"{request.out.parent}: expected a folder, found none", param_hint="OUT")
    with said_by_file(request.out), _bar(f"{request.source.name} -> {request.out.name}") as progress:
        if to is Target.TAPE:
            convert(_with(request, progress=progress))
            return describe_tape(request.out)
        return _convert_through(request, to, progress)


def _convert_through(request: Request, to: Target, progress: Callable[[float], None]) -> dict[str, Any]:
    """To another format than a tape, by way of one."""
    from mmbot.tape.part import work_folder
    from mmbot.tape.sources import kind_of

    with work_folder(request.out.resolve().parent) as folder:
        tape = request.source
        if kind_of(tape).name != "tape":
            tape = folder / "between.tape"
            overrides = request.overrides
            if to is Target.NPZ and kind_of(request.source).name.startswith("raw") and request.rules == "hftbacktest":
                # An array has no units: nothing is rounded on the way to it.
                overrides = {"tick_size": _FINEST, "lot_size": _FINEST} | overrides
            sources = _with(request, out=tape, overrides=overrides, progress=lambda share: progress(share / 2))
            from mmbot.tape.sources import convert

            convert(sources)
        about = describe_tape(tape)
        if to is Target.NPZ:
            from mmbot.tape.npz import export

            rows = export(tape, request.out, progress=lambda share: progress(0.5 + share / 2))
        else:
            from mmbot.tape.parquet import write_parquet

            rows = write_parquet(tape, request.out, progress=lambda share: progress(0.5 + share / 2))
    return about | {"file": str(request.out), "rows": rows, "bytes": request.out.stat().st_size}


def _with(request: Request, **changes: Any) -> Request:
    from dataclasses import replace

    return replace(request, **changes)


@contextlib.contextmanager
def _bar(title: str) -> Iterator[Callable[[float], None]]:
    """A progress bar on stderr, gone when it is done; nothing when that is no terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(title, total=1.0)
        yield lambda share: bar.update(task, completed=share)


def describe_tape(path: Path) -> dict[str, Any]:
    """What a tape holds."""
    from mmbot.tape import open_tape

    tape = open_tape(path)
    footer = tape.footer
    return {
        "file": str(path),
        "bytes": path.stat().st_size,
        "instrument": footer["instrument"],
        "source": footer["source"],
        "totals": footer["totals"],
        "chunks": tape.n_chunks,
        "quality": footer["quality"],
    }


def _show(sources: list[Path], *, as_json: bool) -> None:
    from mmbot.errors import TapeError
    from mmbot.tape import open_tape

    found = []
    for path in sources:
        try:
            open_tape(path).check()
        except OSError as error:
            raise TapeError(f"{path}: {error.strerror}") from None
        found.append(describe_tape(path))
    if as_json:
        write_json(found if len(found) > 1 else found[0])
        return
    for about in found:
        _print(about)


def _print(about: dict[str, Any]) -> None:
    from datetime import UTC, datetime

    from mmbot.tape.quality import describe_quality

    instrument, totals = about["instrument"], about["totals"]
    rows = f", {about['rows']} rows" if "rows" in about else ""
    typer.echo(f"{about['file']}: {about['bytes'] / 1e6:.1f} MB{rows}")
    typer.echo(
        f"{instrument['venue']} {instrument['venue_symbol']}, tick {instrument['tick_size']}, "
        f"lot {instrument['lot_size']}, contract {instrument['contract_size']}"
        f"{' (inverse)' if instrument['inverse'] else ''}, fees {instrument['maker_fee']:g} / "
        f"{instrument['taker_fee']:g}; units {about['source'].get('instrument_from', 'given')}"
    )
    kinds = ", ".join(f"{kind.lower()} {count}" for kind, count in totals["kinds"].items())
    typer.echo(f"{totals['batches']} batches, {totals['levels']} levels: {kinds or 'none'}")
    start, end = (datetime.fromtimestamp(totals[name] / 1e9, UTC) for name in ("exch_from_ns", "exch_to_ns"))
    typer.echo(f"{start:%Y-%m-%d %H:%M:%S} to {end:%Y-%m-%d %H:%M:%S} UTC, {(end - start).total_seconds():.0f} s")
    for line in describe_quality(about["quality"]):
        typer.echo(line)
