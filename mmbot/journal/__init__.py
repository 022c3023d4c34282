"""The append-only record of a session: everything that entered the engine, and what it answered.

`JournalWriter` puts the engine's ring on disk in segments, `JournalReader` gives the records back and proves them
whole, `summarize` says what a journal holds. Secrets never enter: requests are journalled as commands, before they
are signed.
"""

from mmbot.journal.inspection import JournalSummary, summarize
from mmbot.journal.reader import JournalReader, Record, TornTail, repair
from mmbot.journal.segment import segment_paths
from mmbot.journal.writer import JournalWriter

__all__ = [
    "JournalReader",
    "JournalSummary",
    "JournalWriter",
    "Record",
    "TornTail",
    "repair",
    "segment_paths",
    "summarize",
]
