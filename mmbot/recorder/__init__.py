"""Writes live market data to disk as it comes: one stream of raw lines a market, loss-free whatever ends the process.

A line is ``<receive time, UTC ns> <raw message>``; the bodies of REST snapshots stand bare among the messages, where
they arrived. `mmbot.recordings` reads it back, `mmbot inspect` plays it, `mmbot convert` makes a tape of it.

::

    socket -> RecordingSink -> Spool (bounded memory) -> thread -> MarketFile -> gzip members, synced
"""

from mmbot.recorder.market_file import FileRules, MarketFile
from mmbot.recorder.session import Recorder, RecorderRules, Source
from mmbot.recorder.sink import RecordedMarket, RecordingSink
from mmbot.recorder.spool import Spool

__all__ = ["FileRules", "MarketFile", "RecordedMarket", "Recorder", "RecorderRules", "RecordingSink", "Source", "Spool"]
