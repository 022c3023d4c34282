"""Writes the ledger from a thread of its own, in batches, in the order of recording."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, Any, Self, cast

from sqlalchemy import inspect
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from mmbot.errors import JournalError
from mmbot.ledger.models import Balance, Base, Fill, Funding, Order, Session

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from sqlalchemy import Connection, Engine, Table

_BATCH = 500


class LedgerWriter:
    """Takes rows and writes them in the background; writing the same row twice is harmless.

    A fill, a funding payment or a balance that is there already stays as it is; an order or a session is brought up to
    date. The queue is bounded: when it is full, `record` waits up to `wait_s` (counted in `stalls`) and then fails;
    nothing is dropped. What a ``kill -9`` leaves in the queue is not lost: the journal has it, and at the restart the
    venue is asked for the fills since the last ones written.

    Args:
        engine: from `open_database`.
        capacity: rows that may wait.
        wait_s: how long `record` waits for room.
        on_failure: called once, from the writing thread, with the error.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        capacity: int = 65_536,
        wait_s: float = 5.0,
        on_failure: Callable[[JournalError], None] | None = None,
    ) -> None:
        self.failure: JournalError | None = None
        self.stalls = 0
        self._engine = engine
        self._queue: queue.Queue[Base | None] = queue.Queue(capacity)
        self._wait_s = wait_s
        self._on_failure = on_failure
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)

    def __enter__(self) -> Self:
        """Starts."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Writes the rest and stops."""
        self.stop()

    def start(self) -> None:
        """Begins to write."""
        self._thread.start()

    def record(self, row: Session | Order | Fill | Funding | Balance) -> None:
        """Hands a row over.

        Raises:
            JournalError: writing has failed, or the database is too slow for too long.
        """
        if self.failure is not None:
            raise self.failure
        try:
            self._queue.put_nowait(row)
        except queue.Full:
            self.stalls += 1
            try:
                self._queue.put(row, timeout=self._wait_s)
            except queue.Full:
                raise JournalError(
                    f"ledger: the database took no row for {self._wait_s} s, {self._queue.maxsize} are waiting"
                ) from None

    def flush(self) -> None:
        """Returns once everything recorded so far is committed.

        Raises:
            JournalError: it could not be written.
        """
        self._queue.join()
        if self.failure is not None:
            raise self.failure

    def stop(self) -> None:
        """Writes the rest and ends the thread.

        Raises:
            JournalError: it could not be written.
        """
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()
        if self.failure is not None:
            raise self.failure

    def _run(self) -> None:
        stopping = False
        while not stopping:
            batch = [self._queue.get()]
            while len(batch) < _BATCH and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            rows = [row for row in batch if row is not None]
            stopping = len(rows) < len(batch)
            if self.failure is None and rows:
                self._write(rows)
            for _ in batch:
                self._queue.task_done()

    def _write(self, rows: Sequence[Base]) -> None:
        try:
            with self._engine.begin() as connection:
                for row in rows:
                    _upsert(connection, row)
        except (SQLAlchemyError, TypeError, ValueError, OverflowError) as error:
            self.failure = JournalError(f"ledger: {len(rows)} rows could not be written: {error}")
            if self._on_failure is not None:
                self._on_failure(self.failure)


def _values(row: Base) -> dict[str, Any]:
    """The columns that are set."""
    state = inspect(row)
    return {attribute.key: attribute.value for attribute in state.attrs if attribute.key in state.dict}


def _upsert(connection: Connection, row: Base) -> None:
    """Inserts a row; one that is there already is kept (what happened) or brought up to date (what has a state)."""
    table = cast("Table", row.__table__)
    values = _values(row)
    insert = (sqlite if connection.dialect.name == "sqlite" else postgresql).insert(table).values(values)
    keys = [column.name for column in table.primary_key]
    if isinstance(row, Session | Order):
        changed = {name: value for name, value in values.items() if name not in keys}
        connection.execute(insert.on_conflict_do_update(index_elements=keys, set_=changed))
    else:
        connection.execute(insert.on_conflict_do_nothing())
