"""What pydantic found wrong, said with the place in the file, the value found and the values allowed."""

from __future__ import annotations

import re
import types
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from mmbot.config.problems import KeyPath, Problem, suggest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

    from mmbot.config.document import Document

_QUOTED = re.compile(r"'([^']*)'")
_SECRET = re.compile(r"secret|passphrase|password|api_?key|token|private", re.IGNORECASE)


def explain(error: ValidationError, document: Document, model: type[BaseModel], prefix: KeyPath = ()) -> list[Problem]:
    """Every error of `model`, checked against what stands at `prefix` in `document`."""
    return [_problem(details, document, model, prefix) for details in error.errors(include_url=False)]


def _problem(details: ErrorDetails, document: Document, model: type[BaseModel], prefix: KeyPath) -> Problem:
    data: Any = document.data
    for part in prefix:
        data = data[part]
    path = _document_path(details["loc"], data)
    context: Mapping[str, Any] = details.get("ctx", {})
    match details["type"]:
        case "missing":
            text = "is missing"
        case "extra_forbidden":
            text = _unknown_key(path, data, model)
        case "model_type" | "model_attributes_type" | "dict_type":
            text = f"found {_shown(details['input'])}; expected a mapping"
        case "literal_error" | "enum":
            expected = str(context.get("expected", ""))
            found = str(details["input"])
            text = f"found {_shown(details['input'])}; allowed: {expected}{suggest(found, _QUOTED.findall(expected))}"
        case "union_tag_not_found" | "union_tag_invalid":
            expected = str(context.get("expected_tags") or "'traders', 'recording'")
            key = str(context.get("discriminator", "")).strip("'")
            path = (*path, key)
            tag = details["input"].get(key) if isinstance(details["input"], dict) else details["input"]
            text = f"found {_shown(tag)}; allowed: {expected}{suggest(str(tag), _QUOTED.findall(expected))}"
        case _:
            wanted = details["msg"].removeprefix("Value error, ").replace("Input should", "expected to", 1)
            text = f"found {_shown(details['input'])}; {wanted[:1].lower()}{wanted[1:]}"
    return document.problem((*prefix, *path), text)


def _document_path(loc: tuple[int | str, ...], data: Any) -> KeyPath:
    """`loc` without the names of union branches and key checks that pydantic puts into it."""
    path: KeyPath = ()
    here: Any = data
    for i, part in enumerate(loc):
        if _holds(here, part):
            here = here[part]
            path = (*path, part)
        elif i == len(loc) - 1 and isinstance(here, dict) and part != "[key]":
            path = (*path, part)
    return path


def _holds(container: Any, part: str | int) -> bool:
    if isinstance(container, list):
        return isinstance(part, int) and part < len(container)
    return isinstance(container, dict) and part in container


def _unknown_key(path: KeyPath, data: Any, model: type[BaseModel]) -> str:
    key = str(path[-1])
    allowed = sorted(_keys_at(path[:-1], data, model))
    if _SECRET.search(key):
        return "unknown key; keys and secrets are read from the environment or the keystore, never from this file"
    return f"unknown key{suggest(key, allowed) or '; allowed: ' + ', '.join(allowed)}"


def _keys_at(path: KeyPath, data: Any, model: type[BaseModel]) -> set[str]:
    """Keys that `model` allows below `path`; `data` decides between the branches of a union."""
    candidates: list[Any] = [model]
    here: Any = data
    for part in path:
        here = here[part]
        candidates = [below for candidate in candidates for below in _below(candidate, part)]
    models = [candidate for candidate in candidates if isinstance(candidate, type) and issubclass(candidate, BaseModel)]
    source = here.get("source") if isinstance(here, dict) else None
    return {
        name
        for model in models
        for name in model.model_fields
        if "source" not in model.model_fields or source in get_args(model.model_fields["source"].annotation)
    }


def _below(annotation: Any, part: str | int) -> list[Any]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        known = annotation.model_fields.get(str(part))
        return _branches(known.annotation) if known else []
    if get_origin(annotation) in {dict, list}:
        return _branches(get_args(annotation)[-1])
    return []


def _branches(annotation: Any) -> list[Any]:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _branches(get_args(annotation)[0])
    if origin in {Union, types.UnionType}:
        return [branch for argument in get_args(annotation) for branch in _branches(argument)]
    return [annotation]


def _shown(value: Any) -> str:
    """A found value in a message: short, and without a password that a URL may hold."""
    match value:
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case str():
            text = repr(re.sub(r"//[^/@\s]*@", "//***@", re.sub(r"(?i)(pass\w*=)[^&\s]*", r"\1***", value)))
            return text if len(text) <= 80 else text[:77] + "…'"
    return str(value)
