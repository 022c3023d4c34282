"""YAML with places: plain values, and for each key path the line it stands on.

Scalars follow YAML 1.2 (``no`` and ``012`` are text and a number, ``1e-3`` is a number). A number with a point becomes
a `Decimal`, so that every digit arrives. A key that stands twice is a problem, not a silent overwrite.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import yaml

from mmbot.config.problems import KeyPath, Problem

_INT = re.compile(r"[-+]?[0-9](_?[0-9])*")
_DECIMAL = re.compile(r"[-+]?(\.[0-9]+|[0-9](_?[0-9])*(\.[0-9]*)?)([eE][-+]?[0-9]{1,4})?")
_LONGEST_NUMBER = 100  # a longer one is text, which no field takes for a number
_MOST_VALUES = 100_000  # aliases of aliases make more than anybody could write
_PLAIN = {"": None, "~": None, "null": None, "true": True, "false": False, "True": True, "False": False}


@dataclass(slots=True)
class Document:
    """A parsed YAML text.

    Attributes:
        source: Name of the file for messages.
        data: Plain values: dict, list, str, int, `Decimal`, bool, None.
        places: Source and line (from 1; 0 for none) of every key path.
        problems: Syntax errors and duplicate keys.
    """

    source: str
    data: Any = None
    places: dict[KeyPath, tuple[str, int]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def copy(self) -> Document:
        """Another one that may be changed alone."""
        return Document(self.source, _copied(self.data), dict(self.places), list(self.problems))

    def place(self, path: KeyPath) -> tuple[str, int]:
        """Source and line of `path`, or of its nearest ancestor that stands in the file."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.places:
                return self.places[path[:length]]
        return self.source, 0

    def problem(self, path: KeyPath, text: str) -> Problem:
        """A problem placed at `path`."""
        source, line = self.place(path)
        return Problem(source, line, path, text)


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copied(each) for key, each in value.items()}
    return [_copied(each) for each in value] if isinstance(value, list) else value


def read(text: str, source: str) -> Document:
    """Parse `text`; never raises: what is wrong with it stands in `problems`."""
    document = Document(source)
    document.places[()] = (source, 1)
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        document.problems.append(Problem(source, line, (), f"is not valid YAML: {error.problem}"))
        return document
    except yaml.YAMLError as error:
        document.problems.append(Problem(source, 0, (), f"is not valid YAML: {error}"))
        return document
    except RecursionError:
        document.problems.append(Problem(source, 0, (), "is nested too deeply"))
        return document
    if node is not None:
        try:
            document.data = _value(node, (), document, frozenset())
        except RecursionError:
            document.problems.append(Problem(source, 0, (), "is nested too deeply"))
    if len(document.places) > _MOST_VALUES:
        document.problems.append(Problem(source, 0, (), f"holds more than {_MOST_VALUES} values"))
    return document


def scalar(text: str) -> Any:
    """The value of one plain (unquoted) YAML scalar."""
    if text in _PLAIN:
        return _PLAIN[text]
    if len(text) > _LONGEST_NUMBER:
        return text
    if _INT.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        return Decimal(text.replace("_", ""))
    return text


def _value(node: yaml.Node, path: KeyPath, document: Document, above: frozenset[int]) -> Any:
    if len(document.places) > _MOST_VALUES:
        return None
    if id(node) in above:
        document.problems.append(document.problem(path, "refers to itself"))
        return None
    above |= {id(node)}
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, document, above)
    if isinstance(node, yaml.SequenceNode):
        items = []
        for i, item in enumerate(node.value):
            document.places[*path, i] = (document.source, item.start_mark.line + 1)
            items.append(_value(item, (*path, i), document, above))
        return items
    if not isinstance(node, yaml.ScalarNode):
        raise TypeError(f"unexpected YAML node {type(node).__name__}")
    return node.value if node.style in {"'", '"', "|", ">"} else scalar(node.value)


def _mapping(node: yaml.MappingNode, path: KeyPath, document: Document, above: frozenset[int]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            document.problems.append(Problem(document.source, line, path, "has a key that is not a word"))
            continue
        key = key_node.value
        where = (*path, key)
        if key in values:
            text = f"stands twice; first on line {document.places[where][1]}"
            document.problems.append(Problem(document.source, line, where, text))
            continue
        document.places[where] = (document.source, line)
        values[key] = _value(value_node, where, document, above)
    return values
