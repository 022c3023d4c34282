"""Writes the config reference from the models: ``python -m mmbot.config.reference docs/config.md``."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MinLen
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from mmbot.config.models import Config

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo

HEAD = """\
# Config reference

One YAML file describes one bot. This page is made from the models (`make docs`); do not edit it.

- An unknown key is an error, with a suggestion; so is a key that stands twice. All problems of a file are told at once,
  each with its line and key: `mmbot check FILE`.
- `--set a.b=c` overrides a key, and may be repeated; the value is YAML.
- Numbers are read exactly, with or without quotes. Scalars follow YAML 1.2: `no` is text, `1e-3` is a number.
- Keys and secrets never stand here. They come from the environment (`<VENUE>_API_KEY`, `<VENUE>_API_SECRET`, or
  `..._FILE` for mounted secrets) or from the keystore; nothing in this file is expanded from the environment.
- Symbols are unified (`BTC/USDT:USDT` is a perpetual, `BTC/USDT` a spot market) or the venue's own (`BTCUSDT`).

The smallest complete bot is `configs/demo.yaml`.
"""
BOUNDS = {Ge: ("≥", "ge"), Gt: (">", "gt"), Le: ("≤", "le"), Lt: ("<", "lt")}


def reference() -> str:
    """The whole page as Markdown."""
    parts = [HEAD]
    for name, field in Config.model_fields.items():
        required = " Required." if field.is_required() else ""
        about = field.description if _key(name, field.annotation) != name or field.default is None else ""
        parts.append(f"## `{name}`\n\n{about or ''}{required}".strip() + "\n")
        written: set[type[BaseModel]] = set()
        for model in _models(field.annotation):
            parts += _section(model, _key(name, field.annotation), written)
    return "\n".join(parts)


def _key(name: str, annotation: Any) -> str:
    """The path that a section's keys hang on: ``venues.<id>`` where it is a mapping of models."""
    placeholder = {"hedge": "<ASSET>"}.get(name, "<id>")
    return f"{name}.{placeholder}" if _holds_mapping(annotation) else name


def _section(model: type[BaseModel], prefix: str, written: set[type[BaseModel]]) -> list[str]:
    if model in written:
        return []
    written.add(model)
    chosen = next((name for name in ("source", "model") if _is_choice(model.model_fields.get(name))), None)
    lines = []
    if chosen is not None:
        value = get_args(model.model_fields[chosen].annotation)[0]
        lines.append(f"### `{prefix}` with `{chosen}: {value}`\n")
    elif prefix not in Config.model_fields:
        lines.append(f"### `{prefix}`\n")
    lines.append(f"{(model.__doc__ or '').strip()}\n")
    lines += ["| key | value | default | meaning |", "|---|---|---|---|"]
    nested: list[str] = []
    for name, field in model.model_fields.items():
        lines.append(f"| `{name}` | {_type(field)} | {_default(field)} | {_cell(field.description or '')} |")
        for below in _models(field.annotation):
            nested += _section(below, f"{prefix}.{_key(name, field.annotation)}{_item(field.annotation)}", written)
    return [*lines, "", *nested]


def _is_choice(field: FieldInfo | None) -> bool:
    """Whether the field has one possible value, which tells its section from others in the same place."""
    return field is not None and len(get_args(field.annotation)) == 1


def _item(annotation: Any) -> str:
    return "[…]" if get_origin(annotation) is list else ""


def _branches(annotation: Any) -> Iterator[Any]:
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _branches(get_args(annotation)[0])
    elif origin in {Union, types.UnionType}:
        for branch in get_args(annotation):
            yield from _branches(branch)
    else:
        yield annotation


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    for branch in _branches(annotation):
        if get_origin(branch) in {dict, list}:
            yield from _models(get_args(branch)[-1])
        elif isinstance(branch, type) and issubclass(branch, BaseModel):
            yield branch


def _holds_mapping(annotation: Any) -> bool:
    return any(get_origin(branch) is dict for branch in _branches(annotation))


def _type(field: FieldInfo) -> str:
    names = [_name(branch) for branch in _branches(field.annotation)]
    named = " or ".join(dict.fromkeys(name for name in names if name))
    return _cell(f"{named}{_bounds([*field.metadata, *_inner_metadata(field.annotation)])}")


def _inner_metadata(annotation: Any) -> list[Any]:
    """Constraints that stand on a branch of a union, as on ``Annotated[Decimal, Field(gt=0)] | None``."""
    found: list[Any] = []
    for branch in get_args(annotation) if get_origin(annotation) in {Union, types.UnionType} else ():
        for item in getattr(branch, "__metadata__", ()):
            found += getattr(item, "metadata", [item])
    return found


def _bounds(metadata: list[Any]) -> str:
    words = [
        f"{sign} {getattr(item, name)}"
        for item in metadata
        for kind, (sign, name) in BOUNDS.items()
        if type(item) is kind
    ]
    if any(isinstance(item, MinLen) for item in metadata):
        words.append("not empty")
    return f", {', '.join(words)}" if words else ""


def _name(annotation: Any) -> str:
    origin = get_origin(annotation)
    if annotation is type(None):
        return ""
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in get_args(annotation))
    if origin is dict:
        return f"mapping of {_plural(get_args(annotation)[1])}"
    if origin is list:
        return f"list of {_plural(get_args(annotation)[0])}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "mapping, see below"
    known = {
        "str": "text",
        "int": "whole number",
        "float": "number",
        "Decimal": "exact number",
        "bool": "`true` or `false`",
    }
    name: str = annotation.__name__
    return known.get(name, name.lower())


def _plural(annotation: Any) -> str:
    branch = next(_branches(annotation))
    if branch is Any:
        return "values"
    if isinstance(branch, type) and issubclass(branch, BaseModel):
        return "mappings, see below"
    if get_origin(branch) is dict:
        return f"mappings of {_plural(get_args(branch)[1])}"
    name: str = branch.__name__
    return {"str": "words", "float": "numbers", "Decimal": "exact numbers", "Path": "paths"}.get(name, name)


def _default(field: FieldInfo) -> str:
    if field.is_required() or field.default is PydanticUndefined:
        return "**required**"
    value = field.default
    if value is None:
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, dict) and value:
        return f"`{', '.join(f'{key}: {item}' for key, item in value.items())}`"
    if isinstance(value, BaseModel):
        return "see below"
    return "empty" if value in ({}, []) else f"`{value}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def main() -> None:
    """Write the page to the file named on the command line."""
    Path(sys.argv[1]).write_text(reference(), encoding="utf-8")


if __name__ == "__main__":
    main()
