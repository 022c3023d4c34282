"""Recorded market data as tapes: flat columns in a file, memory-mapped, which a backtest runs over.

`open_tape` reads one, `TapeWriter` writes one.
"""

from mmbot._core.tape import Tape, TapeFlag, TapeKind, open_tape
from mmbot.tape.writer import TapeWriter

__all__ = ["Tape", "TapeFlag", "TapeKind", "TapeWriter", "open_tape"]
