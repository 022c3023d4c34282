"""``mmbot inspect``: can the book be kept on this recording, and what did it look like?"""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from pathlib import Path
from typing import Annotated

import typer

from mmbot.cli.options import AsJson, write_json


def command(
    recording: Annotated[
        list[Path],
        typer.Argument(
            metavar="RECORDING...",
            exists=True,
            dir_okay=False,
            show_default=False,
            help="Recorded lines, plain or gzipped; several files are merged by time.",
        ),
    ],
    *,
    venue: Annotated[
        str | None,
        typer.Option(help="binance_usdm, binance_coinm or binance_spot; by default as the messages show."),
    ] = None,
    symbol: Annotated[
        str | None,
        typer.Option(help="`BTC/USDT:USDT` or `BTCUSDT`; needed when several were recorded."),
    ] = None,
    depth: Annotated[int, typer.Option(metavar="N", min=0, max=5000, help="Also N levels a side.")] = 0,
    csv: Annotated[Path | None, typer.Option(metavar="OUT", help="Where the rows go; `-` is stdout.")] = None,
    as_json: AsJson = False,
) -> None:
    """Play a recording through decoder, sequence rule and book, and say how the book fared.

    The CSV has a row after each message that changed the book (the snapshot, each diff it lets apply, each diff in
    sequence): `recv_ts_ns,exch_ts_ms,update_id,bid_px,bid_qty,ask_px,ask_qty`, and with `--depth N` then
    `bid_px_1,bid_qty_1,ask_px_1,ask_qty_1` to `…_N`, the best first. Values are exact decimals; a level that is not
    there is empty, and `exch_ts_ms` is 0 when the venue did not state it. Tick and lot are the finest decimals seen.

    Exits with 1 when the book was not in sync at the end.

    Example: `mmbot inspect btcusdt_20240808.gz --csv top.csv --depth 5`
    """
    from mmbot.inspect_recording import describe, inspect

    to_stdout = csv is not None and str(csv) == "-"
    with contextlib.ExitStack() as stack:
        if csv is None:
            out = None
        else:
            out = sys.stdout if to_stdout else stack.enter_context(csv.open("w", encoding="ascii", newline=""))
        outcome = inspect(recording, venue=venue, symbol=symbol, depth=depth, out=out)
    if as_json and not to_stdout:
        write_json(dataclasses.asdict(outcome))
    else:
        for line in describe(outcome):
            typer.echo(line, err=to_stdout)
    if not outcome.kept:
        raise typer.Exit(1)
