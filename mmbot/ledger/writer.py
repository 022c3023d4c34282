"""Writes the ledger from a thread of its own, in batches, in the order of recording."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from typing import TYPE_CHECKING, Any, Self, cast

from sqlalchemy import inspect
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from mmbot.errors import JournalError
from mmbot.ledger.models import Balance, Base, Fill, Funding, Order, Session

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from sqlalchemy import Connection, Engine, Table

_BATCH = 500
RETRY_S = 0.2
STOP_S = 5.0


class LedgerWriter:
    """Takes rows and writes them in the background; writing the same row twice is harmless.

    A fill, a funding payment or a balance that is there already stays as it is; an order or a session is brought up to
    date. `record` never waits: when the bounded queue is full, the database is given up. What did not get into it is
    not lost: the journal has it, and at the restart the venue is asked for the fills since the last ones written.

    Args:
        engine: from `open_database`.
        capacity: rows that may wait.
        patience_s: how long a database that is locked or away is tried again, before it is given up.

    Attributes:
        failure: why nothing more can be written; None while all is well.
    """

    def __init__(self, engine: Engine, *, capacity: int = 65_536, patience_s: float = 20.0) -> None:
        self.failure: JournalError | None = None
        self._engine = engine
        self._patience_s = patience_s
        self._stopping = threading.Event()
        self._queue: queue.Queue[Base | None] = queue.Queue(capacity)
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
            JournalError: writing has failed, or the database is too slow.
        """
        if self.failure is None:
            try:
                self._queue.put_nowait(row)
            except queue.Full:
                self.failure = JournalError(f"ledger: the database is too slow, {self._queue.maxsize} rows are waiting")
        if self.failure is not None:
            raise self.failure

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
        self._stopping.set()
        if self._thread.is_alive():
            with contextlib.suppress(queue.Full):  # a thread that has so much to do looks at `_stopping`
                self._queue.put_nowait(None)
            self._thread.join(self._patience_s + STOP_S)
            if self._thread.is_alive():
                self.failure = JournalError("ledger: the database hangs; the last rows may not be in it")
        if self.failure is not None:
            raise self.failure

    def _run(self) -> None:
        broken = False
        while not (self._stopping.is_set() and self._queue.empty()):
            batch = [self._queue.get()]
            while len(batch) < _BATCH and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            rows = [row for row in batch if row is not None]
            if rows and not broken:
                broken = not self._write(rows)
            for _ in batch:
                self._queue.task_done()

    def _write(self, rows: Sequence[Base]) -> bool:
        """All of them or none; a database that is away for a moment is waited for."""
        deadline = time.monotonic() + self._patience_s
        while True:
            try:
                with self._engine.begin() as connection:
                    for row in rows:
                        _upsert(connection, row)
            except OperationalError as error:
                if time.monotonic() < deadline:
                    time.sleep(RETRY_S)
                    continue
                problem: Exception = error
            except (SQLAlchemyError, TypeError, ValueError, OverflowError) as error:
                problem = error
            else:
                return True
            self.failure = JournalError(f"ledger: {len(rows)} rows could not be written: {problem}")
            return False


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
