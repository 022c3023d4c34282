"""What is wrong with a config, each with its place; all of a file's problems are reported at once."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mmbot.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

KeyPath = tuple[str | int, ...]


def dotted(path: KeyPath) -> str:
    """The path as people write it: ``risk.max_position``, ``strategy.markets[0]``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        source: File name, or the override (``--set a.b=c``) it came from.
        line: Line in the file, from 1; 0 when it has none.
        path: Key path.
        text: What was found and what is allowed.
    """

    source: str
    line: int
    path: KeyPath
    text: str

    @property
    def key(self) -> str:
        """The key path as text; empty when it is the whole file."""
        return dotted(self.path)

    def __str__(self) -> str:
        place = f"{self.source}:{self.line}" if self.line else self.source
        return f"{place}: {self.key}: {self.text}" if self.path else f"{place}: {self.text}"


class InvalidConfig(ConfigError):
    """A config with at least one problem; `problems` has them all, in the order of the file."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = sorted(set(problems), key=lambda problem: (problem.source, problem.line, problem.key))
        super().__init__("\n".join(str(problem) for problem in self.problems))


def suggest(found: str, allowed: Sequence[str]) -> str:
    """The nearest allowed word as a question, or nothing when none is near."""
    near = difflib.get_close_matches(found.lower(), [word.lower() for word in allowed], n=1, cutoff=0.6)
    word = next((word for word in allowed if near and word.lower() == near[0]), None)
    return f"; did you mean {word!r}?" if word is not None else ""
