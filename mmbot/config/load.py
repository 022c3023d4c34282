"""From a YAML file to a checked `Config`, or to every problem it has."""

from __future__ import annotations

import re
import types
from pathlib import Path  # noqa: TC003 - load() is a signature others introspect
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from mmbot.config import overrides as override_rules
from mmbot.config.document import Document, read
from mmbot.config.models import Config, cross_check
from mmbot.config.problems import InvalidConfig, KeyPath, Problem, suggest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pydantic_core import ErrorDetails

_QUOTED = re.compile(r"'([^']*)'")
_SECRET = re.compile(r"secret|passphrase|password|api_?key|token|private", re.IGNORECASE)


def load(path: Path, overrides: Iterable[str] = ()) -> Config:
    """Read the file at `path`, lay ``--set`` values over it, check everything.

    Raises:
        InvalidConfig: with all problems; also when the file cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "is not UTF-8 text"
        raise InvalidConfig([Problem(str(path), 0, (), f"cannot be read: {reason}")]) from None
    config = parse(text, str(path), overrides)
    config._path = path  # noqa: SLF001 - set once, here
    return config


def parse(text: str, source: str = "<config>", overrides: Iterable[str] = ()) -> Config:
    """As `load`, from YAML text; `source` names it in messages.

    Raises:
        InvalidConfig: with all problems.
    """
    document = read(text, source)
    override_rules.apply(document, overrides)
    problems = list(document.problems)
    if not isinstance(document.data, dict):
        problems.append(document.problem((), "found no sections; expected a mapping with bot, venues, markets, …"))
        raise InvalidConfig(problems)
    try:
        config = Config.model_validate(document.data)
    except ValidationError as error:
        problems += [_problem(details, document) for details in error.errors(include_url=False)]
        raise InvalidConfig(problems) from None
    problems += [document.problem(path, finding) for path, finding in cross_check(config)]
    if problems:
        raise InvalidConfig(problems)
    return config


def _problem(details: ErrorDetails, document: Document) -> Problem:
    path = _document_path(details["loc"], document.data)
    context: Mapping[str, Any] = details.get("ctx", {})
    match details["type"]:
        case "missing":
            text = "is missing"
        case "extra_forbidden":
            text = _unknown_key(path, document)
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
            text = f"found {_shown(details['input'])}; {_lower_first(details['msg'].removeprefix('Value error, '))}"
    return document.problem(path, text)


def _document_path(loc: tuple[int | str, ...], data: Any) -> KeyPath:
    """`loc` without the names of union branches and key checks that pydantic puts into it."""
    path: KeyPath = ()
    here: Any = data
    for i, part in enumerate(loc):
        if isinstance(here, dict) and part in here:
            here = here[part]
            path = (*path, part)
        elif isinstance(here, list) and isinstance(part, int) and part < len(here):
            here = here[part]
            path = (*path, part)
        elif i == len(loc) - 1 and isinstance(here, dict) and part != "[key]":
            path = (*path, part)
    return path


def _unknown_key(path: KeyPath, document: Document) -> str:
    key = str(path[-1])
    allowed = sorted(_keys_at(path[:-1], document.data))
    if _SECRET.search(key):
        return "unknown key; keys and secrets are read from the environment or the keystore, never from this file"
    return f"unknown key{suggest(key, allowed) or '; allowed: ' + ', '.join(allowed)}"


def _keys_at(path: KeyPath, data: Any) -> set[str]:
    """Keys that the models allow below `path`; `data` decides between the branches of a union."""
    candidates: list[Any] = [Config]
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
            text = repr(re.sub(r"//[^/@\s]*@", "//***@", value))
            return text if len(text) <= 80 else text[:77] + "…'"
    return str(value)


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]
