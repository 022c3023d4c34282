"""What a conversion is asked for."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mmbot._core.types import Instrument

if TYPE_CHECKING:
    from pathlib import Path

Listing = Callable[[str, str], Instrument | None]
"""The instrument of (venue, the venue's symbol), None when it is not known."""


class Rules(enum.StrEnum):
    """How messages become events."""

    MMBOT = "mmbot"
    """As a live bot would take them: in the venue's sequence, gaps marked, exact ticks."""
    HFTBACKTEST = "hftbacktest"
    """As hftbacktest's converters do: every depth message as it stands, no book tickers, rounded ticks and lots."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A conversion of recorded data to a tape.

    Attributes:
        sources: the data: one file or folder, or several files of one recording in their order.
        out: where the tape goes.
        instrument: of the data; None: from `listing`, else from the data as far as it shows.
        overrides: fields of `Instrument` that are set whatever the rest says.
        venue: ``binance_usdm``, ``binance_coinm``, ``binance_spot``; None: as the data shows.
        symbol: the venue's, or unified; None: the only one there is.
        rules: how messages become events.
        tickers: keep book tickers; None: as the rules are (mmbot: yes, hftbacktest: no).
        keep_going: what is damaged or cut off is left out and counted; else it is an error.
        listing: knows instruments; None: `known_instrument`.
        progress: told the share that is done, 0 to 1.
    """

    sources: tuple[Path, ...]
    out: Path
    instrument: Instrument | None = None
    overrides: dict[str, Any] = field(default_factory=dict)
    venue: str | None = None
    symbol: str | None = None
    rules: Rules = Rules.MMBOT
    tickers: bool | None = None
    keep_going: bool = False
    listing: Listing | None = None
    progress: Callable[[float], object] | None = None

    @property
    def source(self) -> Path:
        """The first of the sources."""
        return self.sources[0]

    @property
    def with_tickers(self) -> bool:
        """Whether book tickers are kept."""
        return self.rules is Rules.MMBOT if self.tickers is None else self.tickers

    def report(self, share: float) -> None:
        """Tell the share that is done."""
        if self.progress is not None:
            self.progress(share)
