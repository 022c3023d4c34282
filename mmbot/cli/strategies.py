"""``mmbot strategies``: which plugins there are, and what one of them can be told."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mmbot.cli.options import AsJson, write_json

if TYPE_CHECKING:
    from mmbot.plugins.loader import Plugin


def command(
    strategy: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="An id, a file, or package.module:Class; default: list all.")
    ] = None,
    search: Annotated[
        list[Path] | None, typer.Option("--search", help="Folder of your own plugins; repeatable.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the strategies, or show the parameters of one.

    Example: `mmbot strategies pmm`
    """
    from rich.console import Console
    from rich.table import Table

    from mmbot.plugins.loader import load

    folders = search or []
    if strategy is None:
        plugins = [load(name, folders) for name in _ids(folders)]
        if as_json:
            write_json([_described(plugin) for plugin in plugins])
            return
        for plugin in plugins:
            typer.echo(f"{plugin.id:<24} {_first_line(plugin)}")
        return
    plugin = load(strategy, folders)
    if as_json:
        write_json(_described(plugin))
        return
    typer.echo(f"{plugin.id}: {_first_line(plugin)}\n{plugin.path}\n")
    table = Table("parameter", "type", "default", "meaning", box=None, header_style="bold", pad_edge=False)
    for row in _described(plugin)["params"]:
        table.add_row(row["name"], row["type"], str(row["default"]), row["meaning"])
    Console().print(table)


def _ids(folders: list[Path]) -> list[str]:
    from mmbot.plugins.loader import shipped_folder

    files = [path for folder in (*folders, shipped_folder()) for path in folder.glob("*.py")]
    return sorted({path.stem for path in files if not path.stem.startswith("_")})


def _described(plugin: Plugin) -> dict[str, Any]:
    schema = plugin.params_class.model_json_schema()
    required = set(schema.get("required", ()))
    return {
        "id": plugin.id,
        "summary": _first_line(plugin),
        "path": str(plugin.path),
        "code_hash": plugin.code_hash,
        "compiled": plugin.compiled,
        "params": [
            {
                "name": name,
                "type": _type(rule),
                "default": "required" if name in required else rule.get("default"),
                "meaning": rule.get("description", ""),
            }
            for name, rule in schema.get("properties", {}).items()
        ],
    }


def _type(rule: dict[str, Any]) -> str:
    if "enum" in rule:
        return " | ".join(map(str, rule["enum"]))
    if "anyOf" in rule:
        return " | ".join(_type(branch) for branch in rule["anyOf"])
    return str(rule.get("type", rule.get("const", "any")))


def _first_line(plugin: Plugin) -> str:
    """What the file says it is, else what its class says."""
    module = sys.modules.get(plugin.strategy_class.__module__)
    text = (module.__doc__ if module is not None else "") or plugin.strategy_class.__doc__ or ""
    return text.strip().partition("\n")[0]
