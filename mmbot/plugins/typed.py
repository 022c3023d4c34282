"""Types for a plain Python plugin, so that the same file runs interpreted or compiled.

Cython lets a ``.pxd`` beside a ``.py`` say which classes are extension types and which attributes are C fields.
`declare` writes that contract for a plugin: its strategy class becomes an extension type, its callbacks override the
base's through the C vtable, methods of its own whose arguments are annotated are called as C, and attributes annotated
in the class body (``half_ticks: float``) become C fields.

The text itself keeps its meaning and its line numbers; edited out is only what would contradict the contract: imports
of extension types (they are cimported instead), annotations that became fields, and ``super()`` without arguments.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from mmbot.errors import PluginError

EXTENSION_TYPES = {
    "Fill": "strategy",
    "Market": "market",
    "OrderView": "strategy",
    "Quotes": "quoting",
    "Strategy": "strategy",
}
"""What ``mmbot.strategy`` offers as extension types, and the core module of each."""
FUNCTIONS = {"ceil_ticks": "quoting", "floor_ticks": "quoting"}
"""What it offers as functions that a compiled plugin calls as C, and the core module of each."""
CALLBACKS: dict[str, tuple[str, tuple[str, ...]]] = {
    "on_start": ("void", ()),
    "on_book": ("void", ("core_Market",)),
    "on_trade": ("void", ("core_Market", "int", "int64_t", "int64_t")),
    "on_order": ("void", ("core_Market", "core_OrderView")),
    "on_fill": ("void", ("core_Market", "core_Fill")),
    "on_funding": ("void", ("core_Market", "int64_t")),
    "on_timer": ("void", ("str",)),
    "on_stop": ("void", ()),
    "export_state": ("dict", ()),
    "import_state": ("void", ("dict",)),
}
"""Callback -> result and argument types, as in ``strategy.pxd``."""
ARGUMENTS: dict[str, tuple[str, ...]] = {
    "on_start": (),
    "on_book": ("market",),
    "on_trade": ("market", "side", "price_ticks", "qty_lots"),
    "on_order": ("market", "order"),
    "on_fill": ("market", "fill"),
    "on_funding": ("market", "amount_e8"),
    "on_timer": ("name",),
    "on_stop": (),
    "export_state": (),
    "import_state": ("state",),
}
"""Callback -> what its arguments are called; a plugin may call them otherwise."""
COMPILED = EXTENSION_TYPES | FUNCTIONS
FIELD_TYPES = {"float": "double", "int": "int64_t", "bool": "bint"}
PARAMS_NAME = "__params__"
"""Module variable of a compiled plugin that names its `Params`: an extension type keeps no annotations."""


@dataclass(frozen=True, slots=True)
class Typed:
    """A plugin ready for Cython: its text, and the ``.pxd`` beside it."""

    source: str
    contract: str


def is_pure_mode(source: str, filename: str) -> bool:
    """Whether the file speaks to Cython itself (``import cython``) and is to be compiled as it stands.

    Raises:
        SyntaxError: it is not valid Python.
    """
    return any(
        (isinstance(node, ast.Import) and any(alias.name.split(".")[0] == "cython" for alias in node.names))
        or (isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "cython")
        for node in ast.walk(ast.parse(source, filename))
    )


def declare(source: str, filename: str) -> Typed:
    """Write the contract of the plain Python plugin `source`.

    Raises:
        SyntaxError: it is not valid Python.
        PluginError: it has no class that derives from `Strategy`, imported by name from ``mmbot.strategy``.
    """
    tree = ast.parse(source, filename)
    text = _Text(source)
    imported = _imports(tree, text)
    bases = {name for name, kind in imported.items() if kind == "Strategy"}
    contract = ["from libc.stdint cimport int64_t"]
    contract += [f"from mmbot._core.{m} cimport {name} as core_{name}" for name, m in EXTENSION_TYPES.items()]
    contract += [f"from mmbot._core.{COMPILED[n]} cimport {n} as {alias}" for alias, n in imported.items()]
    known: dict[str, set[str]] = {name: set() for name in bases}
    for node in tree.body:
        base = next((b.id for b in getattr(node, "bases", ()) if isinstance(b, ast.Name) and b.id in known), None)
        if isinstance(node, ast.ClassDef) and base is not None:
            made = _Class(node, known[base], imported, text)
            contract += ["", f"cdef class {node.name}({base}):", *(f"    {line}" for line in made.lines)]
            known[node.name] = known[base] | made.fields
    if len(known) == len(bases):
        raise PluginError(
            f"strategy {filename}: expected a class that derives from Strategy, with "
            "`from mmbot.strategy import Strategy`; found none at the top of the module"
        )
    return Typed(text.edited(), "\n".join(contract) + "\n")


class _Text:
    """A source text with edits at places of its syntax tree; every line keeps its number, save where text is added."""

    def __init__(self, source: str) -> None:
        self._data = source.encode()
        self._starts = [0]
        for line in self._data.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))
        self._edits: list[tuple[int, int, bytes]] = []

    def replace(self, node: ast.AST, new: str) -> None:
        """Put `new` where `node` stands."""
        start, end = self._span(node)
        self._edits.append((start, end, new.encode() + b"\n" * self._data.count(b"\n", start, end)))

    def drop_annotation(self, node: ast.AnnAssign) -> None:
        """Turn ``name: type = value`` into ``name = value``."""
        start, end = self._span(node.target)[1], self._span(node.annotation)[1]
        self._edits.append((start, end, b""))

    def drop_argument_type(self, argument: ast.arg) -> None:
        """Turn the argument ``name: type`` into ``name``."""
        if argument.annotation is not None:
            self.replace(argument, argument.arg)

    def drop_result_type(self, function: ast.FunctionDef) -> None:
        """Turn ``def f(...) -> type:`` into ``def f(...):``."""
        assert function.returns is not None  # noqa: S101 - the caller looked
        start, end = self._span(function.returns)
        arrow = self._data.rindex(b"->", 0, start)
        self._edits.append((arrow, end, b""))

    def rename_function(self, node: ast.FunctionDef, new: str) -> None:
        """Give a function another name."""
        at = self._data.index(node.name.encode(), self._starts[node.lineno - 1] + node.col_offset + len("def "))
        self._edits.append((at, at + len(node.name.encode()), new.encode()))

    def add_after(self, node: ast.stmt, lines: list[str]) -> None:
        """Add lines after the last line of `node`."""
        at = self._starts[node.end_lineno or node.lineno]
        added = "".join(line + "\n" for line in lines).encode()
        self._edits.append((at, at, added if self._data[at - 1 : at] == b"\n" else b"\n" + added))

    def append(self, line: str) -> None:
        """Add a line at the end."""
        self._edits.append((len(self._data), len(self._data), f"\n{line}\n".encode()))

    def edited(self) -> str:
        """The text with all edits made."""
        data = self._data
        for start, end, new in sorted(self._edits, key=lambda edit: edit[0], reverse=True):
            data = data[:start] + new + data[end:]
        return data.decode()

    def _span(self, node: ast.AST) -> tuple[int, int]:
        assert isinstance(node, ast.stmt | ast.expr | ast.arg)  # noqa: S101 - the kinds that have a place
        assert node.end_lineno is not None  # noqa: S101 - set by ast.parse
        assert node.end_col_offset is not None  # noqa: S101 - set by ast.parse
        return (
            self._starts[node.lineno - 1] + node.col_offset,
            self._starts[node.end_lineno - 1] + node.end_col_offset,
        )


def _imports(tree: ast.Module, text: _Text) -> dict[str, str]:
    """Take extension types out of ``from mmbot.strategy import ...``; return what they are called in the plugin."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom) or node.module != "mmbot.strategy" or node.level:
            continue
        kept = [alias for alias in node.names if alias.name not in COMPILED]
        found |= {alias.asname or alias.name: alias.name for alias in node.names if alias.name in COMPILED}
        text.replace(node, ast.unparse(ast.ImportFrom(module=node.module, names=kept, level=0)) if kept else "pass")
    return found


@dataclass(slots=True)
class _Class:
    """The contract of one strategy class; what contradicts it is edited out of `text`."""

    node: ast.ClassDef
    inherited: set[str]
    imported: dict[str, str]
    text: _Text
    lines: list[str] = field(default_factory=list)
    fields: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        for statement in self.node.body:
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                self._attribute(statement, statement.target.id)
            elif isinstance(statement, ast.FunctionDef) and statement.name in CALLBACKS:
                self._callback(statement)
            elif isinstance(statement, ast.FunctionDef) and not statement.name.startswith("__"):
                self._method(statement)
        for call in _bare_supers(self.node):  # a C method has no cell to find its class in
            self.text.replace(call, f"super({self.node.name}, self)")
        if not _assigned(self.node) <= self.fields | self.inherited | {"params"} and "__dict__" not in self.inherited:
            self.lines.insert(0, "cdef dict __dict__")
            self.fields.add("__dict__")
        if not self.lines:
            self.lines.append("pass")

    def _attribute(self, statement: ast.AnnAssign, name: str) -> None:
        if statement.value is not None:  # a class constant
            self.text.drop_annotation(statement)
            return
        self.text.replace(statement, "pass")
        written = ast.unparse(statement.annotation).strip("'\"")
        if name == "params":  # the base has the field
            self.text.append(f"{PARAMS_NAME} = {written}")
        elif name not in self.inherited:
            self.lines.append(f"cdef public {self._field_type(written)} {name}")
            self.fields.add(name)

    def _field_type(self, written: str) -> str:
        bare = written.removesuffix("| None").strip()
        if bare in self.imported:
            return bare
        return FIELD_TYPES.get(written, "object")

    def _method(self, function: ast.FunctionDef) -> None:
        """A method of the plugin's own becomes a C method when its arguments say types that C has."""
        types = [self._argument_type(argument) for argument in function.args.args[1:]]
        if None in types or not _is_simple(function, len(types)):
            return
        names = [argument.arg for argument in function.args.args]
        arguments = "".join(f", {kind} {name}" for kind, name in zip(types, names[1:], strict=True))
        for argument in function.args.args:
            self.text.drop_argument_type(argument)
        if function.returns is not None:
            self.text.drop_result_type(function)
        self.lines.append(f"cpdef {function.name}({names[0]}{arguments})")
        self.fields.add(function.name)

    def _argument_type(self, argument: ast.arg) -> str | None:
        if argument.annotation is None:
            return None
        written = ast.unparse(argument.annotation).strip("'\"")
        if written in self.imported:
            return written
        return FIELD_TYPES.get(written)

    def _callback(self, function: ast.FunctionDef) -> None:
        result, types = CALLBACKS[function.name]
        names = [argument.arg for argument in function.args.args]
        if _is_simple(function, len(types)):
            for argument in function.args.args:
                self.text.drop_argument_type(argument)
        else:  # what Cython cannot put into a C method is called from one
            inner, names = f"_{function.name}_as_written", ["self", *(f"argument_{i}" for i in range(len(types)))]
            self.text.rename_function(function, inner)
            space = " " * function.col_offset
            call = f"{'return ' if result == 'dict' else ''}self.{inner}({', '.join(names[1:])})"
            self.text.add_after(
                self.node, ["", f"{space}def {function.name}({', '.join(names)}):", f"{space}    {call}"]
            )
        arguments = ", ".join(f"{kind} {name}" for kind, name in zip(types, names[1:], strict=True))
        checked = "" if result == "dict" else " except *"
        self.lines.append(f"cpdef {result} {function.name}({', '.join(filter(None, (names[0], arguments)))}){checked}")


def _is_simple(function: ast.FunctionDef, arguments: int) -> bool:
    """Whether the callback can be a C method: plain arguments, no decorator, no function or generator inside."""
    args = function.args
    plain = len(args.args) == arguments + 1 and not (
        args.posonlyargs or args.kwonlyargs or args.vararg or args.kwarg or args.defaults or function.decorator_list
    )
    inside = (node for statement in function.body for node in ast.walk(statement))
    return plain and not any(
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.GeneratorExp | ast.ClassDef)
        for node in inside
    )


def _bare_supers(node: ast.ClassDef) -> list[ast.Call]:
    """The calls ``super()`` in the class."""
    return [
        n
        for n in ast.walk(node)
        if isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id == "super" and not n.args
    ]


def _assigned(node: ast.ClassDef) -> set[str]:
    """Attributes of ``self`` that the class assigns anywhere."""
    return {
        n.attr
        for n in ast.walk(node)
        if isinstance(n, ast.Attribute)
        and isinstance(n.ctx, ast.Store)
        and isinstance(n.value, ast.Name)
        and n.value.id == "self"
    }
