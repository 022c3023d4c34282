"""``--set a.b=c``: values from the command line, laid over the file before it is checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mmbot.config.document import Document, read
from mmbot.config.problems import KeyPath, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable


def apply(document: Document, overrides: Iterable[str], flag: str = "--set") -> None:
    """Lay every override over `document`; one that does not fit becomes a problem of it.

    The value is YAML (``--set strategy.markets=[perp_btc]``); a path leads through mappings by name and through lists
    by number (``strategy.markets.0``); a mapping that is not there is made. Messages name `flag` as their origin.
    """
    if document.data is None:
        document.data = {}
    for override in overrides:
        path_text, equals, value_text = override.partition("=")
        source = f"{flag} {path_text}"
        keys = path_text.strip().split(".")
        if not equals or not all(keys):
            document.problems.append(
                Problem(source, 0, (), "is not of the form key.path=value, as risk.max_position=0.5")
            )
            continue
        value = read(value_text, source)
        document.problems += value.problems
        if not value.problems:
            _put(document, keys, value.data, source)


def _put(document: Document, keys: list[str], value: Any, source: str) -> None:
    parent: Any = document.data
    path: KeyPath = ()
    for depth, key in enumerate(keys):
        last = depth == len(keys) - 1
        if isinstance(parent, list):
            if not key.isdecimal() or int(key) >= len(parent):
                text = f"found {key!r}; expected the number of an entry, below {len(parent)}"
                document.problems.append(Problem(source, 0, path, text))
                return
            path = (*path, int(key))
        elif isinstance(parent, dict):
            path = (*path, key)
            if not last:
                parent.setdefault(key, {})
        else:
            document.problems.append(Problem(source, 0, path, "is a single value, it has no keys below it"))
            return
        if last:
            parent[path[-1]] = value
        else:
            parent = parent[path[-1]]
    for known in [known for known in document.places if known[: len(path)] == path]:
        del document.places[known]
    document.places[path] = (source, 0)
