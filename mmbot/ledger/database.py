"""Opens the ledger's database."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from mmbot.errors import ConfigError, JournalError
from mmbot.ledger.models import Base


def _sqlite_pragmas(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")  # readers do not stop the writer
    cursor.execute("PRAGMA synchronous=FULL")  # a commit survives a power cut
    cursor.execute("PRAGMA busy_timeout=5000")
    cursor.close()


def open_database(url: str) -> Engine:
    """Connects, and creates the tables that are missing.

    Args:
        url: ``sqlite:///runs/demo/ledger.db`` or ``postgresql+psycopg://user@host/db``.

    Raises:
        ConfigError: the URL is of another kind, or its driver is not installed.
        JournalError: the database cannot be reached or written.
    """
    try:
        parsed = make_url(url)
        kind = parsed.get_backend_name()
        if kind not in ("sqlite", "postgresql"):
            raise ConfigError(f"ledger: expected a sqlite or postgresql URL, found {kind!r}")
        if parsed.drivername == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        engine = create_engine(parsed)
    except ArgumentError as error:
        raise ConfigError(f"ledger: expected a database URL, found one that SQLAlchemy cannot read: {error}") from error
    except ModuleNotFoundError as error:
        raise ConfigError(f"ledger: {error}; install mmbot[postgres]") from error
    if kind == "sqlite":
        event.listen(engine, "connect", _sqlite_pragmas)
    try:
        Base.metadata.create_all(engine)
    except SQLAlchemyError as error:
        engine.dispose()
        # The URL is named without its password.
        raise JournalError(f"ledger {parsed.render_as_string()}: cannot be opened: {error}") from error
    return engine
