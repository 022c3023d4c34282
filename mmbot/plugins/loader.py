"""Find a strategy plugin, load it under a fresh module name, and say exactly which code it was.

A plugin is named by

* an id, ``pmm``: ``pmm.py`` or a compiled ``pmm.*.so`` in one of the search folders, else in the shipped
  ``strategies``; of both, the newer one, so that an edit is never hidden behind an older compilation;
* a path, ``./my/maker.py`` or a compiled ``maker.cpython-311-x86_64-linux-gnu.so``, from here or from a search folder;
* a class of an installed package, ``my_firm.makers:Wide``.

Every load runs the code anew in a module of its own, so that an old version keeps working while a new one is tried.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib.machinery
import importlib.util
import inspect
import itertools
import sys
import tempfile
import types
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from pydantic.errors import PydanticUndefinedAnnotation, PydanticUserError

from mmbot._core.strategy import Strategy
from mmbot.errors import PluginError
from mmbot.plugins.typed import ARGUMENTS, PARAMS_NAME
from mmbot.strategy import Params

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

EXTENSION_SUFFIXES = tuple(importlib.machinery.EXTENSION_SUFFIXES)
_serial = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Plugin:
    """A loaded plugin: its classes, and what identifies the code.

    Attributes:
        id: file stem, or class name of a package plugin.
        code_hash: SHA-256 of the file's bytes, hex.
        source: the Python text, empty for a compiled plugin; a journal keeps it, so that a replay runs this very code.
        path: where it was read.
    """

    id: str
    code_hash: str
    source: str = field(repr=False)
    path: Path
    strategy_class: type[Strategy]
    params_class: type[Params]

    @property
    def compiled(self) -> bool:
        """Whether it came from an extension module."""
        return not self.source

    def params(self, values: Mapping[str, Any]) -> Params:
        """Validate parameter values.

        Raises:
            PluginError: names every wrong value, what it was, and what is allowed.
        """
        try:
            return self.params_class.model_validate(dict(values))
        except ValidationError as error:
            known = ", ".join(self.params_class.model_fields)
            lines = [
                f"  {'.'.join(map(str, e['loc'])) or '(params)'}: {e['msg']}, found {e['input']!r}"
                for e in error.errors()
            ]
            raise PluginError(
                f"strategy {self.id}: wrong params\n" + "\n".join(lines) + f"\n  known params: {known}"
            ) from None

    def create(self) -> Strategy:
        """Construct an instance; it is bound to its markets by the engine.

        Raises:
            PluginError: the constructor raised, or wants arguments.
        """
        try:
            return self.strategy_class()
        except (Exception, SystemExit) as error:  # plugin code: whatever it raises is the plugin's fault, and said so
            raise PluginError(f"strategy {self.id}: constructor failed: {error!r}") from error


def load(name: str, search: Sequence[Path] = ()) -> Plugin:
    """Load the plugin called `name`; `search` are folders looked through before the shipped strategies.

    Raises:
        PluginError: not found, or its code does not run, or it does not hold exactly one strategy.
    """
    if ":" in name and not name.endswith((".py", *EXTENSION_SUFFIXES)):
        return _load_from_package(name)
    path = find(name, search)
    return load_file(path)


def find(name: str, search: Sequence[Path] = (), *, suffixes: Sequence[str] = (*EXTENSION_SUFFIXES, ".py")) -> Path:
    """Return the file that `name` means, one with an ending among `suffixes` when `name` is an id.

    Raises:
        PluginError: says where it was looked for and which ids exist.
    """
    if name.endswith((".py", *EXTENSION_SUFFIXES)) or "/" in name:
        places = [(folder / Path(name).expanduser()).resolve() for folder in (Path(), *search)]
        for path in places:
            if path.is_file():
                return path
        raise PluginError(f"strategy file {name}: not found, looked for {', '.join(map(str, dict.fromkeys(places)))}")
    folders = [*search, shipped_folder()]
    for folder in folders:
        paths = [path for suffix in suffixes if (path := folder / f"{name}{suffix}").is_file()]
        if paths:
            return max(paths, key=lambda path: path.stat().st_mtime_ns).resolve()
    known = ", ".join(sorted({p.stem for folder in folders for p in folder.glob("*.py") if p.stem != "__init__"}))
    raise PluginError(f"strategy {name!r}: not found in {', '.join(map(str, folders))}; known there: {known}")


def shipped_folder() -> Path:
    """Folder of the strategies that come with mmbot."""
    spec = importlib.util.find_spec("strategies")
    if spec is None or not spec.submodule_search_locations:
        raise PluginError("the shipped strategies are not installed: reinstall mmbot")
    return Path(next(iter(spec.submodule_search_locations)))


def load_file(path: Path, *, package: str = "", class_name: str = "") -> Plugin:
    """Load one plugin file, ``.py`` or compiled.

    Raises:
        PluginError: the code does not run, or holds not exactly one strategy.
    """
    content = path.read_bytes()
    code_hash = hashlib.sha256(content).hexdigest()
    if path.suffix == ".py":
        return load_source(content.decode(), path, package=package, class_name=class_name)
    return _load_extension(content, path, code_hash, class_name)


def _load_extension(content: bytes, path: Path, code_hash: str, class_name: str) -> Plugin:
    """Load a copy: the system's loader knows a file by its name and would give the old code for a new file."""
    plugin_id = path.name.split(".")[0]
    # An extension's init function is named after the last part of the module's name.
    module_name = f"mmbot_plugin_{next(_serial)}.{plugin_id}"
    with tempfile.TemporaryDirectory(prefix="mmbot-plugin-") as folder:
        copy = Path(folder, path.name)
        copy.write_bytes(content)
        loader = importlib.machinery.ExtensionFileLoader(module_name, str(copy))
        spec = importlib.machinery.ModuleSpec(module_name, loader, origin=str(copy))
        try:
            module = importlib.util.module_from_spec(spec)
            module.__file__ = str(path)
            sys.modules[module_name] = module  # pydantic resolves annotations through it
            loader.exec_module(module)
        except (Exception, SystemExit) as error:
            sys.modules.pop(module_name, None)
            raise PluginError(f"strategy {path}: could not be loaded: {error!r}") from error
    return _plugin(path, code_hash, "", module, class_name)


def load_source(source: str, path: Path, *, package: str = "", class_name: str = "") -> Plugin:
    """Run `source` as the plugin file `path`, which need not exist (a journal's copy).

    Raises:
        PluginError: the code does not run, or holds not exactly one strategy.
    """
    code_hash = hashlib.sha256(source.encode()).hexdigest()
    module = types.ModuleType(f"mmbot_plugin_{path.stem}_{next(_serial)}")
    module.__file__ = str(path)
    module.__package__ = package
    sys.modules[module.__name__] = module  # pydantic resolves annotations through it
    try:
        exec(compile(source, str(path), "exec"), module.__dict__)  # noqa: S102 - running the user's plugin is the point
    except (Exception, SystemExit) as error:
        sys.modules.pop(module.__name__, None)
        raise PluginError(f"strategy {path}: {_where(error, path)}{type(error).__name__}: {error}") from error
    return _plugin(path, code_hash, source, module, class_name)


def _load_from_package(name: str) -> Plugin:
    module_name, _, class_name = name.partition(":")
    try:
        spec = importlib.util.find_spec(module_name)
    except (ImportError, ValueError) as error:
        raise PluginError(f"strategy {name}: {error}") from error
    if spec is None or spec.origin is None:
        raise PluginError(f"strategy {name}: module {module_name} is not installed")
    return load_file(Path(spec.origin), package=module_name.rpartition(".")[0], class_name=class_name)


def _plugin(path: Path, code_hash: str, source: str, module: types.ModuleType, class_name: str) -> Plugin:
    plugin_id = path.name.partition(".")[0]

    def own(home: str) -> bool:
        # An extension type says the name that its module was compiled under.
        return home == module.__name__ or (not source and home.rpartition(".")[2] == plugin_id)

    def defined(base: type) -> list[type]:
        found = [
            value
            for value in vars(module).values()
            if isinstance(value, type) and issubclass(value, base) and own(value.__module__)
        ]
        # Each once, whatever it is called; and of a chain only the most derived.
        return [c for c in dict.fromkeys(found) if not any(c in other.__mro__[1:] for other in found)]

    strategies = [c for c in defined(Strategy) if class_name in ("", c.__name__)]
    if len(strategies) != 1:
        names = ", ".join(c.__name__ for c in strategies) or "none"
        wanted = f"the Strategy subclass {class_name}" if class_name else "exactly one Strategy subclass"
        raise PluginError(f"strategy {path}: expected {wanted}, found {names}")
    strategy_class = strategies[0]
    params = defined(Params)
    hinted = inspect.get_annotations(strategy_class).get("params") or getattr(module, PARAMS_NAME, None)
    hinted_name = hinted if isinstance(hinted, str) else getattr(hinted, "__name__", "")
    chosen = [c for c in params if c.__name__ == hinted_name] or params
    if len(chosen) > 1:
        raise PluginError(
            f"strategy {path}: several Params subclasses ({', '.join(c.__name__ for c in chosen)}); "
            f"say which with `params: <name>` in {strategy_class.__name__}"
        )
    params_class = chosen[0] if chosen else Params
    _check_params(params_class, path)
    _check_callbacks(strategy_class, path)
    return Plugin(plugin_id, code_hash, source, path, strategy_class, params_class)


def _check_params(params_class: type[Params], path: Path) -> None:
    """Find a type that does not exist, and a default that its own bounds forbid, before anything runs on them.

    Raises:
        PluginError: names the parameter, and what is wrong.
    """
    try:
        params_class.model_rebuild()
        params_class.model_validate({})
    except (PydanticUndefinedAnnotation, PydanticUserError) as error:
        text = str(error).partition("\n")[0]
        raise PluginError(f"strategy {path}: {params_class.__name__}: {text}") from None
    except ValidationError as error:
        wrong = [f"{'.'.join(map(str, e['loc']))}: default {e['input']!r}: {e['msg']}" for e in error.errors()
                 if e["type"] != "missing"]  # fmt: skip
        if wrong:
            raise PluginError(f"strategy {path}: {params_class.__name__}: {'; '.join(wrong)}") from None


def _check_callbacks(strategy_class: type[Strategy], path: Path) -> None:
    """Find a callback that would never be called, or not with what it wants.

    Raises:
        PluginError: names the method, and what was expected.
    """
    own = strategy_class.__mro__[: strategy_class.__mro__.index(Strategy)]
    for name, method in {name: value for c in reversed(own) for name, value in vars(c).items()}.items():
        where = f"strategy {path}: {strategy_class.__name__}.{name}()"
        if name in ARGUMENTS and callable(method):
            _check_signature(method, ARGUMENTS[name], where)
        elif callable(method) and not name.startswith("_") and not hasattr(Strategy, name):
            meant = difflib.get_close_matches(name, ARGUMENTS, 1, 0.8)
            if meant:
                raise PluginError(f"{where} is never called; did you mean {meant[0]}()?")


def _check_signature(method: Callable[..., object], arguments: tuple[str, ...], where: str) -> None:
    try:
        signature = inspect.signature(method)
    except ValueError:
        return  # a compiled method, whose arguments the compiler has checked
    try:
        signature.bind("self", *arguments)
    except TypeError:
        expected = ", ".join(("self", *arguments))
        raise PluginError(f"{where}: expected ({expected}), found {signature}") from None
    if inspect.iscoroutinefunction(method):
        raise PluginError(f"{where}: expected a plain function, found an async one: it runs within one engine step")


def _where(error: BaseException, path: Path) -> str:
    if isinstance(error, SyntaxError):
        return f"line {error.lineno}: "
    frame, line = error.__traceback__, 0
    while frame is not None:
        if frame.tb_frame.f_code.co_filename == str(path):
            line = frame.tb_lineno
        frame = frame.tb_next
    return f"line {line}: " if line else ""
