"""Runs a session's journal through a fresh engine and holds its commands against the recorded ones, byte for byte."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from mmbot._core.eventlog import EventKind
from mmbot._core.types import CommandView, OrderEvent
from mmbot.assembly import Assembly, Spec, SwapRecord, assemble, candidate
from mmbot.errors import JournalError, PluginError
from mmbot.journal import JournalReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from mmbot._core.engine import Engine
    from mmbot.journal import Record


class Observer(Protocol):
    """Who looks on while a journal is replayed, such as a blotter; it may take the engine's executions."""

    def before(self, event: Record) -> None:
        """`event` is about to be entered."""

    def after(self, event: Record, commands: list[bytes]) -> None:
        """`event` was entered; `commands` are those that the journal has behind it."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Where the replay and the journal first part.

    Attributes:
        event: number of the event after which they differ.
        event_kind: what kind of event it was.
        recorded: the command in the journal, by field; None: it has no further one there.
        replayed: the replay's.
    """

    event: int
    event_kind: str
    recorded: dict[str, int] | None
    replayed: dict[str, int] | None


@dataclass(slots=True)
class ReplayResult:
    """What a replay found; `assembly` is the engine in its final state."""

    assembly: Assembly
    events: int = 0
    commands: int = 0
    difference: Difference | None = None
    stopped_in_order: bool = False
    torn_bytes: int = 0


def replay(path: Path, observe: Callable[[Engine], Observer] | None = None) -> ReplayResult:
    """Replay the journal folder (or segment) at `path` up to its end or the first difference.

    Args:
        path: where it is.
        observe: makes an onlooker of the engine, which has taken START and its plugin then.

    Raises:
        JournalError: it holds no session, is damaged, or an event cannot be repeated.
    """
    reader = JournalReader(path)
    records = iter(reader)
    first = next(records, None)
    if first is None or first.kind != EventKind.START:
        found = "nothing" if first is None else EventKind(first.kind).name
        raise JournalError(f"{path}: expected START as the first record, found {found}")
    result = ReplayResult(assemble(Spec.decode(bytes(first.body))))
    if next(records, None) is None:  # the SWAP that started the plugin is part of `assemble`
        raise JournalError(f"{path}: ends before its plugin started")
    result.events = 2
    observer = observe(result.assembly.engine) if observe is not None else None
    for event, recorded in _steps(records):
        result.events += 1
        result.stopped_in_order |= event.kind == EventKind.STOP
        if observer is not None:
            observer.before(event)
        _enter(result.assembly.engine, event)
        if observer is not None:
            observer.after(event, recorded)
        result.assembly.engine.take_executions()
        result.assembly.engine.take_notes()
        result.difference = _compare(result.assembly.engine, event, recorded)
        result.commands += len(recorded)
        if result.difference is not None:
            break
    if reader.torn is not None:
        result.torn_bytes = reader.torn.lost_bytes
    return result


def _steps(records: Iterator[Record]) -> Iterator[tuple[Record, list[bytes]]]:
    """Events, each with its recorded commands; the last event of a torn journal may lack some, and is left out."""
    event: Record | None = None
    commands: list[bytes] = []
    for record in records:
        if record.kind == EventKind.OUT_COMMAND:
            commands.append(bytes(record.body))
        elif record.kind != EventKind.NOTE:
            if event is not None:
                yield event, commands
            event, commands = record, []
    if event is not None and event.kind == EventKind.STOP:
        yield event, commands


def _compare(engine: Engine, event: Record, recorded: list[bytes]) -> Difference | None:
    for expected in [*recorded, None]:
        command = engine.take()
        if command is None and expected is None:
            return None
        if command is None or expected is None or command.raw() != expected:
            return Difference(
                event=event.seq,
                event_kind=EventKind(event.kind).name,
                recorded=CommandView.from_raw(expected).as_dict() if expected is not None else None,
                replayed=command.as_dict() if command is not None else None,
            )
    return None


def _enter(engine: Engine, event: Record) -> None:
    enter = _ENTRIES.get(event.kind)
    if enter is None:
        raise JournalError(f"event {event.seq}: {EventKind(event.kind).name} cannot be replayed")
    enter(engine, event, bytes(event.body))


def _swap(engine: Engine, event: Record, body: bytes) -> None:
    record: Any = msgspec.json.decode(body, type=SwapRecord)
    try:
        strategy, params = candidate(record.plugin)
    except PluginError as error:
        raise JournalError(f"event {event.seq}: the plugin cannot be loaded again: {error}") from error
    engine.swap(strategy, params, record.plugin.id, body, event.ts_ns, shadow_ns=record.shadow_ns)


_ENTRIES: dict[int, Callable[[Engine, Record, bytes], object]] = {
    EventKind.FRAME: lambda engine, event, body: engine.on_frame(event.source, body, event.ts_ns),
    EventKind.FEED: lambda engine, event, body: engine.on_feed(event.source, body != b"\0", event.ts_ns),
    EventKind.SNAPSHOT: lambda engine, event, body: engine.on_snapshot(event.source, body, event.ts_ns),
    EventKind.ORDER: lambda engine, event, body: engine.on_order(OrderEvent.from_raw(body), event.ts_ns),
    EventKind.ACCOUNT: lambda engine, event, body: engine.on_account(body, event.ts_ns),
    EventKind.RECONCILE: lambda engine, event, body: engine.on_reconcile(body, event.ts_ns),
    EventKind.TIME: lambda engine, event, _body: engine.on_time(event.ts_ns),
    EventKind.COMMAND: lambda engine, event, body: engine.on_command(body, event.ts_ns),
    EventKind.SWAP: _swap,
    EventKind.STOP: lambda engine, event, body: engine.note_stop(body, event.ts_ns),
}
