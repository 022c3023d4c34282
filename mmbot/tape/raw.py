"""Raw recordings of Binance USD-M, COIN-M and spot to tapes; the rules are in ``mmbot/_core/intake.pxd``."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlsplit

import numpy as np

from mmbot._core.decode import Decoder
from mmbot._core.intake import AGG_TRADE_KIND, Intake
from mmbot._core.tape import TapeKind
from mmbot._core.types import Instrument
from mmbot.errors import ConfigError, TapeError
from mmbot.listings import known_instrument
from mmbot.recordings import EntryKind, parse_line
from mmbot.tape.instants import MS, instants
from mmbot.tape.instruments import described_instrument, instrument_fields
from mmbot.tape.lines import Intact, line_blocks
from mmbot.tape.own import OthersWriter
from mmbot.tape.quality import Quality
from mmbot.tape.request import Request, Rules
from mmbot.tape.spool import Spool
from mmbot.tape.survey import VENUES, Survey, survey
from mmbot.tape.writer import TapeWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from mmbot.tape.own import OwnOrders

    Columns = dict[str, NDArray[Any]]

READING_SHARE: Final = 0.7
"""Of a conversion's time, for the progress bar; the rest is sorting and writing."""
FINEST_DECIMALS: Final = 8
"""Of Binance's prices and quantities."""
FOLDER_LOOKED_AT: Final = 200
"""Lines of each file of a folder, to see whose it is."""
MOST_NS: Final = (1 << 63) - 1
MOST_HELD: Final = 1 << 18
"""Batches held until the exchange says the time for the first time."""


def convert(request: Request) -> dict[str, Any]:
    """Convert one market of a raw recording; see `mmbot.tape.sources.convert`."""
    paths = _files(request)
    instrument, how = find_instrument(request, paths)
    source = {
        "kind": "raw",
        "files": [str(path) for path in paths],
        "rules": str(request.rules),
        "tickers": request.with_tickers,
        "instrument_from": how,
    }
    intact = Intact()
    total = sum(path.stat().st_size for path in paths) or 1

    def texts() -> Iterator[tuple[Path, bytes]]:
        for path in paths:
            for block in line_blocks(path, intact, keep_going=request.keep_going):
                yield path, block
                request.report(READING_SHARE * intact.read_bytes / total)

    return convert_texts(request, instrument, source, texts(), intact)


def convert_texts(
    request: Request,
    instrument: Instrument,
    source: dict[str, Any],
    texts: Iterable[tuple[Path, bytes]],
    intact: Intact,
    *,
    clock_offset_ns: int | None = None,
    own: OwnOrders | None = None,
) -> dict[str, Any]:
    """Convert the lines of one market, wherever they are from.

    Args:
        request: what is asked for; its sources are not looked at.
        instrument: of the market.
        source: for the tape's footer.
        texts: blocks of whole lines, each with the file it is from.
        intact: how far the files were whole, once `texts` has ended.
        clock_offset_ns: how far the venue's clock was ahead of ours, where that is known: it is taken off the venue's
            times, and what is left of them behind ours is cut, so that local times stay as they are.
        own: orders of whoever recorded it, which the tape's exchange shall not hold.

    Returns:
        The quality report.

    Raises:
        TapeError: the data is damaged or not what it should be; there is no tape then.
        OSError: a file cannot be read or written.
    """
    intake, decoder = _intake(request, instrument)
    where = request.out, instrument, source
    with Spool(request.out.parent) as spool, OthersWriter(*where, own) if own else TapeWriter(*where) as writer:
        first = _read(texts, intake, spool, clock_offset_ns)
        if not spool.batches:
            raise TapeError(
                f"{first or request.source}: expected market data of {instrument.venue_symbol}, "
                f"found none in {intake.lines} lines ({intake.undecodable} of them undecodable)"
            )
        least = spool.least_latency_ns or 0
        shift_ns = max(0, -least)
        latency = spool.pour(
            writer,
            shift_ns=shift_ns,
            progress=lambda share: request.report(READING_SHARE + (1 - READING_SHARE) * share),
        )
        quality = _quality(intake, decoder, spool, intact)
        quality.least_latency_ns, quality.shift_ns, quality.negative_latency = least, shift_ns, least < 0
        quality.latency_ms = latency
        report = quality.fields()
        writer.close(report)
    request.report(1.0)
    return report


def find_instrument(request: Request, paths: list[Path]) -> tuple[Instrument, str]:
    """The instrument of a raw recording, and where it is from.

    ``given``, ``recorded`` (it lies beside the recording), ``listed``, or ``inferred`` from the messages.

    Raises:
        ConfigError: the venue is unknown, the symbol is missing or ambiguous, or a field is wrong.
    """
    if request.venue is not None and request.venue not in VENUES:
        raise ConfigError(f"--venue: expected one of {', '.join(VENUES)}, found {request.venue!r}")
    recorded = described_instrument(paths[0].parent) if paths else None
    if request.instrument is not None:
        found, how = request.instrument, "given"
    elif recorded is not None and request.venue in (None, recorded.venue) and _is_meant(recorded, request.symbol):
        found, how = recorded, "recorded"
    else:
        seen = survey(paths[:1])
        symbol = seen.choose(request.symbol, paths[0])
        venue = request.venue or seen.venue_of(symbol)
        listed = (request.listing or known_instrument)(venue, symbol)
        found, how = (listed, "listed") if listed is not None else (seen.infer(venue, symbol), "inferred")
    if request.overrides:
        try:
            found = Instrument(**instrument_fields(found) | request.overrides)
        except (TypeError, ValueError) as error:
            raise ConfigError(f"instrument: {error}") from None
    return found, how


def _is_meant(instrument: Instrument, symbol: str | None) -> bool:
    return symbol is None or symbol.upper() in (instrument.symbol.upper(), instrument.venue_symbol.upper())


def _files(request: Request) -> list[Path]:
    """The files of the sources: of a folder those of the market, by name, which is the order of time.

    Raises:
        ConfigError: a folder holds several markets and none was asked for, or not the one asked for.
    """
    files: list[Path] = []
    for path in request.sources:
        files += _files_of(path, request) if path.is_dir() else [path]
    return files


def _files_of(folder: Path, request: Request) -> list[Path]:
    surveys = {path: survey([path], FOLDER_LOOKED_AT) for path in sorted(folder.glob("*.gz"))}
    together = Survey()
    for found in surveys.values():
        together.messages += found.messages
    symbol = request.instrument.venue_symbol if request.instrument is not None else request.symbol
    chosen = together.choose(symbol, folder)
    return [path for path, found in surveys.items() if chosen in found.messages or not found.messages]


def _intake(request: Request, instrument: Instrument) -> tuple[Intake, Decoder]:
    followed = request.rules is Rules.MMBOT
    kind = "binance_usdm" if instrument.perpetual else "binance_spot"
    tick = lot = 0.0
    decimals = 0
    decoded = instrument
    if not followed:  # decoded at the finest unit, then rounded
        sizes = (Decimal(instrument.tick_size), Decimal(instrument.lot_size))
        decimals = max(FINEST_DECIMALS, *(-int(size.normalize().as_tuple().exponent) for size in sizes))
        unit = Decimal(1).scaleb(-decimals)
        tick, lot = (0.0 if size == unit else float(size) for size in sizes)
        finest = {"tick_size": f"{unit:f}", "lot_size": f"{unit:f}"}
        decoded = Instrument(**instrument_fields(instrument) | finest)
    decoder = Decoder(kind, {instrument.venue_symbol: (0, decoded)})
    intake = Intake(
        decoder,
        followed=followed,
        tickers=request.with_tickers,
        marks=followed,
        strict=not request.keep_going,
        odd_line=_odd_line(instrument.venue_symbol),
        tick=tick,
        lot=lot,
        unit=10.0**decimals,
    )
    return intake, decoder


def _odd_line(symbol: str) -> Callable[[bytes], tuple[int, bytes, bool] | None]:
    """What a line that is not ``<ns> <json>`` holds for `symbol`."""

    def odd_line(line: bytes) -> tuple[int, bytes, bool] | None:
        entry = parse_line(line)
        if entry is None:
            return None
        if entry.recv_ns > MOST_NS:
            raise ValueError(f"line: expected nanoseconds since 1970, found {entry.recv_ns}")
        if entry.kind is EntryKind.FRAME:
            return entry.recv_ns, entry.payload, False
        if entry.kind is EntryKind.REST:
            parts = urlsplit(entry.url)
            asked = parse_qs(parts.query).get("symbol", [symbol])[0]
            if parts.path.endswith("/depth") and asked.upper() == symbol:
                return entry.recv_ns, entry.payload, True
        return None

    return odd_line


def _read(
    texts: Iterable[tuple[Path, bytes]], intake: Intake, spool: Spool, clock_offset_ns: int | None
) -> Path | None:
    """Spool everything; the first file, None: there was nothing."""
    first: Path | None = None
    here: Path | None = None
    held: list[Columns] = []
    for path, block in texts:
        if path != here:
            here, first = path, first or path
            intake.begin_file()
            lines_before, offset_before = intake.lines, intake.offset
        if not intake.feed(block):
            _raise_fault(path, intake, lines_before, offset_before)
        held.append(intake.take())
        if intake.first_exch_ns >= 0 or sum(len(columns["kind"]) for columns in held) > MOST_HELD:
            _drain(held, spool, intake.first_exch_ns, clock_offset_ns)
    _drain(held, spool, intake.first_exch_ns, clock_offset_ns)
    return first


def _drain(held: list[Columns], spool: Spool, first_exch_ns: int, clock_offset_ns: int | None) -> None:
    """Spool what was held; what came before the exchange said a time gets the first, or without one our own."""
    for columns in held:
        untimed = columns["exch_ns"] < 0
        if untimed.any():
            first = columns["local_ns"] + (clock_offset_ns or 0) if first_exch_ns < 0 else first_exch_ns
            columns["exch_ns"] = np.where(untimed, first, columns["exch_ns"])
        if clock_offset_ns is not None:
            stated, told = columns["exch_ns"], columns["local_ns"]
            fine = np.where(stated % MS, 1, MS)
            columns["exch_ns"] = np.minimum(instants(stated - clock_offset_ns, told, resolution_ns=fine), told)
        spool.append(columns)
    held.clear()


def _raise_fault(path: Path, intake: Intake, lines_before: int, offset_before: int) -> None:
    line, offset, reason, text = intake.fault or (0, 0, "", b"")
    where = f"{path}: line {line - lines_before}, byte {offset - offset_before} of its text"
    hint = "--keep-going leaves such lines out and counts them"
    if reason.startswith("RECEIVED"):
        raise TapeError(
            f"{where}: expected a receive time in nanoseconds since 1970, within a day of the exchange's, "
            f"found {reason.removeprefix('RECEIVED at ')}: {text!r} ({hint})"
        )
    if reason.startswith("ORDER"):
        _, latest, found = reason.split()
        raise TapeError(
            f"{where}: expected lines, and files, in the order of their receive times, found {found} behind {latest}, "
            f"{(int(latest) - int(found)) / 1e9:.1f} s back (--keep-going sorts them)"
        )
    if reason == "REASON_PRICE":
        hint = "is --tick right? --rules hftbacktest rounds prices; --keep-going leaves such lines out"
    raise TapeError(f"{where}: expected a market-data message, found {_REASONS.get(reason, reason)}: {text!r} ({hint})")


_REASONS: Final = {
    "REASON_JSON": "no JSON, or a part of it",
    "REASON_FIELD": "a message with a field missing or wrong",
    "REASON_PRICE": "a price that is no whole number of ticks",
    "REASON_QTY": "a quantity that is no plain decimal or does not fit",
    "REASON_MEMORY": "a message too large",
}


def _quality(intake: Intake, decoder: Decoder, spool: Spool, intact: Intact) -> Quality:
    messages = decoder.kinds
    for name in ("BAD", "IGNORED", "CONTROL"):
        messages.pop(name, None)
    agg = int(spool.kinds[AGG_TRADE_KIND])
    fault = intake.fault
    return Quality(
        lines=intake.lines,
        messages=messages,
        undecodable=intake.undecodable,
        first_undecodable=f"line {fault[0]}, byte {fault[1]}: {fault[2]}: {fault[3]!r}" if fault else "",
        no_messages=intake.no_messages,
        full_parser=decoder.fallbacks,
        dust=decoder.dust,
        trades_dropped=intake.trades_dropped,
        left_out=intake.left_out,
        agg_trades_left_out=agg if spool.kinds[TapeKind.TRADE] else 0,
        snapshots=intake.snapshots,
        snapshots_refused=intake.refused,
        snapshots_redundant=intake.redundant,
        missing_snapshot=bool(messages.get("DEPTH")) and not intake.snapshots,
        gaps=intake.gaps,
        gap_places=[
            {"line": line, "local_ns": local_ns, "expected": expected, "found": found}
            for line, local_ns, expected, found in intake.gap_places
        ],
        older=intake.older,
        split=intake.split,
        crossed=intake.crossed,
        crossings=intake.crossings,
        exch_back=intake.exch_back,
        exch_back_max_ns=intake.exch_back_max_ns,
        local_back=intake.local_back,
        local_back_max_ns=intake.local_back_max_ns,
        untimed=intake.untimed,
        cut=intact.cut,
    )
