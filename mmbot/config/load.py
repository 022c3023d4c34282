"""From a YAML file to a checked `Config`, or to every problem it has."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ValidationError

from mmbot.config import overrides as override_rules
from mmbot.config.document import read
from mmbot.config.explain import explain
from mmbot.config.models import Config, cross_check
from mmbot.config.problems import InvalidConfig, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from mmbot.config.document import Document

Model = TypeVar("Model", bound=BaseModel)


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


def check_params(config: Config, params_class: type[Model]) -> Model:
    """The strategy's parameters as its own `Params` class, which only the loaded plugin knows.

    Raises:
        InvalidConfig: with all problems, each with its line in the config.
    """
    try:
        return params_class.model_validate(config.strategy.params)
    except ValidationError as error:
        problems = explain(error, config._document, params_class, ("strategy", "params"))  # noqa: SLF001 - set here
        raise InvalidConfig(problems) from None


def parse(text: str, source: str = "<config>", overrides: Iterable[str] = ()) -> Config:
    """As `load`, from YAML text; `source` names it in messages.

    Raises:
        InvalidConfig: with all problems.
    """
    document = read(text, source)
    override_rules.apply(document, overrides)
    return _checked(document)


def vary(config: Config, overrides: Iterable[str], flag: str = "--set") -> Config:
    """A loaded `config` with other values laid over it, checked like the first time, without reading the file again.

    Args:
        config: from `load` or `parse`; stays as it is.
        overrides: ``key.path=value`` each, as after ``--set``.
        flag: what the messages say the values came from.

    Raises:
        InvalidConfig: with all problems.
    """
    document = config._document.copy()  # noqa: SLF001 - set here
    override_rules.apply(document, overrides, flag)
    varied = _checked(document)
    varied._path = config._path  # noqa: SLF001 - set once, here
    return varied


def _checked(document: Document) -> Config:
    problems = list(document.problems)
    if not isinstance(document.data, dict):
        problems.append(document.problem((), "found no sections; expected a mapping with bot, venues, markets, …"))
        raise InvalidConfig(problems)
    try:
        config = Config.model_validate(document.data)
    except ValidationError as error:
        raise InvalidConfig([*problems, *explain(error, document, Config)]) from None
    problems += [document.problem(path, finding) for path, finding in cross_check(config)]
    if problems:
        raise InvalidConfig(problems)
    config._document = document  # noqa: SLF001 - set once, here
    return config
