"""``mmbot venues``: what a bot can connect to."""

from __future__ import annotations

from typing import Any

import typer

from mmbot.cli.options import AsJson, write_json


def command(as_json: AsJson = False) -> None:
    """List the venues, where each is reached, and whether a key for it is set. No key is shown.

    Example: `mmbot venues --json`
    """
    from mmbot.errors import ConfigError
    from mmbot.venues.registry import ENDPOINTS, VENUES
    from mmbot.venues.secrets import load_credentials

    rows: list[dict[str, Any]] = []
    for kind in VENUES:
        prefix = kind.upper()
        try:
            key = "set" if load_credentials(prefix) is not None else "not set"
        except ConfigError as error:
            key = str(error)
        places = {name: endpoint.rest for (venue, name), endpoint in ENDPOINTS.items() if venue == kind}
        rows.append({"kind": kind, "endpoints": places, "credentials": prefix, "key": key})
    if as_json:
        write_json(rows)
        return
    for row in rows:
        typer.echo(f"{row['kind']}: key {row['credentials']}_API_KEY {row['key']}")
        typer.echo("  sim      the exchange embedded in the bot")
        for name, url in row["endpoints"].items():
            typer.echo(f"  {name:<8} {url}")
