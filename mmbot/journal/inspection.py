"""What a journal holds, at a glance."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mmbot._core.eventlog import EventKind
from mmbot.journal.reader import JournalReader, TornTail

if TYPE_CHECKING:
    from pathlib import Path


@dataclass
class JournalSummary:
    """Counts and span of a journal; times are UTC nanoseconds, 0 when it is empty."""

    records: Counter[str] = field(default_factory=Counter)
    body_bytes: Counter[str] = field(default_factory=Counter)
    first_ns: int = 0
    last_ns: int = 0
    last_seq: int = 0
    stopped_cleanly: bool = False
    torn: TornTail | None = None

    def as_dict(self) -> dict[str, object]:
        """For ``--json``."""
        torn = self.torn
        return {
            "records": dict(self.records),
            "body_bytes": dict(self.body_bytes),
            "first_ns": self.first_ns,
            "last_ns": self.last_ns,
            "last_seq": self.last_seq,
            "stopped_cleanly": self.stopped_cleanly,
            "torn": None
            if torn is None
            else {"file": str(torn.path), "offset": torn.offset, "lost_bytes": torn.lost_bytes, "reason": torn.reason},
        }


def summarize(path: Path) -> JournalSummary:
    """Reads a whole journal and counts.

    Raises:
        JournalError: there is none, or it is damaged.
    """
    summary = JournalSummary()
    reader = JournalReader(path)
    for record in reader:
        name = EventKind(record.kind).name
        summary.records[name] += 1
        summary.body_bytes[name] += len(record.body)
        summary.first_ns = summary.first_ns or record.ts_ns
        summary.last_ns, summary.last_seq = record.ts_ns, record.seq
        summary.stopped_cleanly = record.kind == EventKind.STOP
    summary.torn = reader.torn
    return summary
