"""A tape as the source of a tape: verified and copied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mmbot._core.tape import open_tape
from mmbot.tape.writer import TapeWriter

if TYPE_CHECKING:
    from mmbot.tape.request import Request


def convert(request: Request) -> dict[str, Any]:
    """Copy a tape batch by batch; see `mmbot.tape.sources.convert`."""
    tape = open_tape(request.source)
    with TapeWriter(request.out, request.instrument or tape.instrument, tape.footer["source"]) as writer:
        for index in range(tape.n_chunks):
            chunk = tape.arrays(index)
            writer.append(
                chunk["exch_ns"],
                chunk["local_ns"],
                chunk["seq"],
                chunk["kind"],
                chunk["side"],
                chunk["flags"],
                chunk["count"],
                chunk["levels"],
            )
            request.report((index + 1) / tape.n_chunks)
        quality: dict[str, Any] = tape.footer["quality"]
        writer.close(quality)
    return quality
