"""Recorded market data as tapes: flat columns in a file, memory-mapped, which a backtest runs over.

`prepare` gives a backtest the tape of any source, `convert` makes one on request, `open_tape` reads one and
`TapeWriter` writes one. What a source can be is in `mmbot.tape.sources`.
"""

from mmbot._core.tape import Tape, TapeFlag, TapeKind, open_tape
from mmbot.tape.cache import prepare
from mmbot.tape.request import Request, Rules
from mmbot.tape.sources import convert
from mmbot.tape.writer import TapeWriter

__all__ = [
    "Request",
    "Rules",
    "Tape",
    "TapeFlag",
    "TapeKind",
    "TapeWriter",
    "convert",
    "open_tape",
    "prepare",
]
