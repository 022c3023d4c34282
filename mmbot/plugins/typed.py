"""Turn a plain Python plugin into Cython's pure-Python mode, so that the same file runs interpreted or compiled.

The strategy class becomes an extension type, its callbacks override the base's through the C vtable, and attributes
annotated in the class body (``half_ticks: float``) become C fields. Nothing else is touched: the meaning stays.
"""

from __future__ import annotations

import ast

CORE = "cython.cimports.mmbot._core"
EXTENSION_TYPES = {
    "Fill": "strategy",
    "Market": "market",
    "OrderView": "strategy",
    "Quotes": "quoting",
    "Strategy": "strategy",
}
CALLBACKS: dict[str, tuple[str, ...]] = {
    "on_start": (),
    "on_book": ("Market",),
    "on_trade": ("Market", "cython.int", "int64_t", "int64_t"),
    "on_order": ("Market", "OrderView"),
    "on_fill": ("Market", "Fill"),
    "on_funding": ("Market", "int64_t"),
    "on_timer": ("str",),
    "on_stop": (),
    "import_state": ("dict",),
}
FIELD_TYPES = {"float": "cython.double", "int": "cython.longlong", "bool": "cython.bint"}


def to_pure_mode(source: str, filename: str) -> str:
    """Return the text that Cython compiles for the plugin `source`.

    Raises:
        SyntaxError: the plugin is not valid Python.
    """
    tree = ast.parse(source, filename)
    strategies = [n for n in tree.body if isinstance(n, ast.ClassDef) and _is_strategy(n)]
    for node in strategies:
        _type_class(node)
    body: list[ast.stmt] = []
    for statement in tree.body:
        body.extend(_split_import(statement) if isinstance(statement, ast.ImportFrom) else [statement])
    needed = sorted(EXTENSION_TYPES)
    prelude = ast.parse(
        "import cython\nfrom cython.cimports.libc.stdint import int64_t\n"
        + "\n".join(f"from {CORE}.{EXTENSION_TYPES[name]} import {name}" for name in needed)
    ).body
    at = _after_header(body)
    tree.body = body[:at] + prelude + body[at:]
    return ast.unparse(ast.fix_missing_locations(tree))


def _is_strategy(node: ast.ClassDef) -> bool:
    return any(isinstance(base, ast.Name) and base.id == "Strategy" for base in node.bases)


def _after_header(body: list[ast.stmt]) -> int:
    at = 0
    while at < len(body) and (
        (at == 0 and isinstance(body[0], ast.Expr))
        or (isinstance(body[at], ast.ImportFrom) and getattr(body[at], "module", "") == "__future__")
    ):
        at += 1
    return at


def _split_import(node: ast.ImportFrom) -> list[ast.stmt]:
    """Leave extension types out of ``from mmbot.strategy import ...``: they are cimported instead."""
    if node.module != "mmbot.strategy":
        return [node]
    kept = [alias for alias in node.names if alias.name not in EXTENSION_TYPES]
    return [ast.ImportFrom(module=node.module, names=kept, level=0)] if kept else []


def _type_class(node: ast.ClassDef) -> None:
    declared = {
        n.target.id for n in node.body if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name) and not n.value
    }
    node.decorator_list.append(_expr("cython.cclass"))
    body: list[ast.stmt] = []
    for statement in node.body:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            body.extend(_field(statement, statement.target.id))
        elif isinstance(statement, ast.FunctionDef):
            _type_callback(statement)
            body.append(statement)
        else:
            body.append(statement)
    if not _assigned(node) <= declared | {"params"}:
        body.insert(_docstring_end(body), ast.parse("__dict__: dict").body[0])
    node.body = body


def _field(statement: ast.AnnAssign, name: str) -> list[ast.stmt]:
    if name == "params":  # the base has the field
        return []
    if statement.value is not None:  # a class constant
        return [ast.Assign(targets=[ast.Name(name, ast.Store())], value=statement.value)]
    found = ast.unparse(statement.annotation).strip("'\"")
    typed = FIELD_TYPES.get(found, found if found in EXTENSION_TYPES else "object")
    return list(ast.parse(f"{name} = cython.declare({typed}, visibility='public')").body)


def _type_callback(function: ast.FunctionDef) -> None:
    types = CALLBACKS.get(function.name)
    if types is None:
        if function.name == "export_state":
            function.decorator_list.append(_expr("cython.ccall"))
            function.returns = _expr("dict")
        return
    function.decorator_list += [_expr("cython.ccall"), _expr("cython.exceptval(check=True)")]
    function.returns = _expr("cython.void")
    for argument, name in zip(function.args.args[1:], types, strict=False):
        argument.annotation = _expr(name)


def _assigned(node: ast.ClassDef) -> set[str]:
    return {
        n.attr
        for n in ast.walk(node)
        if isinstance(n, ast.Attribute)
        and isinstance(n.ctx, ast.Store)
        and isinstance(n.value, ast.Name)
        and n.value.id == "self"
    }


def _docstring_end(body: list[ast.stmt]) -> int:
    return int(bool(body) and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant))


def _expr(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body
