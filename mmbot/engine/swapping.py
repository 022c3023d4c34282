"""Changes the plugin or its parameters while the bot runs."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from mmbot.assembly import PluginSpec, SwapRecord
from mmbot.engine.inbox import encode
from mmbot.errors import PluginError
from mmbot.plugins import load_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mmbot._core.strategy import Strategy
    from mmbot.assembly import Assembly
    from mmbot.engine.inbox import Inbox
    from mmbot.plugins import Plugin

_log = structlog.get_logger("mmbot.swap")


class Swapper:
    """Loads candidates beside the running plugin; only the switch itself takes place between two events.

    Args:
        assembly: the engine, and what it began with.
        inbox: sends what a new plugin wants.
        find: loads a strategy by what a config or an operator calls it.

    Attributes:
        last_gap_ns: how long the event loop was away for the latest switch.
    """

    def __init__(self, assembly: Assembly, inbox: Inbox, find: Callable[[str], Plugin]) -> None:
        self._host = assembly.engine.host
        self._engine = assembly.engine
        self._inbox = inbox
        self._find = find
        self._shadow_s = assembly.config.strategy.shadow_s
        self._lock = asyncio.Lock()
        # What is behind each instance that may yet be in force: the host can go back to the one before.
        self._versions: list[tuple[Strategy, Plugin, dict[str, Any]]] = []
        self._remember(assembly.plugin, dict(assembly.spec.plugin.params))
        self.last_gap_ns = 0

    @property
    def plugin(self) -> Plugin:
        """The plugin in force."""
        return self._version()[1]

    @property
    def params(self) -> dict[str, Any]:
        """Its parameter values."""
        return self._version()[2]

    def _version(self) -> tuple[Strategy, Plugin, dict[str, Any]]:
        return next(version for version in self._versions if version[0] is self._host.active)

    def _remember(self, plugin: Plugin, params: dict[str, Any]) -> None:
        host = self._host
        newest = host.shadow or host.active
        in_use = [v for v in self._versions if v[0] in (host.active, host.previous)]
        if newest is not None:
            self._versions = [*in_use, (newest, plugin, params)]

    async def swap(
        self, name: str | None = None, params: Mapping[str, Any] | None = None, shadow_s: float | None = None
    ) -> dict[str, Any]:
        """Swap to the plugin `name` (None: the present one, read again), with `params` over the present values.

        When the plugin is another one, parameters that it does not have are left behind.

        Raises:
            PluginError: it does not load, its params are wrong, or its dry run failed; the running plugin goes on.
        """
        async with self._lock:
            plugin = await asyncio.to_thread(self._load, name)
            values = {k: v for k, v in self.params.items() if k in plugin.params_class.model_fields}
            return self._switch(plugin, values | dict(params or {}), shadow_s)

    async def set(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Change parameters of the running code.

        Raises:
            PluginError: a name or value is wrong, or the dry run failed; everything stays as it was.
        """
        async with self._lock:
            return self._switch(self.plugin, self.params | dict(params), 0.0)

    async def watch(self) -> None:
        """Swap whenever the running plugin's file changes; a version that does not work is reported and left alone.

        The folder is watched, not the file: editors save by putting a new file in the old one's place.
        """
        from watchfiles import Change, awatch  # noqa: PLC0415 - development only

        while True:
            path = self.plugin.path
            async for changes in awatch(path.parent, recursive=False, yield_on_timeout=True, rust_timeout=500):
                if self.plugin.path != path:  # swapped by hand: watch the new one
                    break
                if not any(Path(name) == path and change != Change.deleted for change, name in changes):
                    continue
                try:
                    _log.info("plugin file changed, swapped", **await self.swap())
                except (PluginError, OSError) as error:
                    _log.warning("plugin file changed, not swapped", error=str(error))

    def _load(self, name: str | None) -> Plugin:
        plugin = load_file(self.plugin.path) if name is None else self._find(name)
        return self.plugin if plugin.code_hash == self.plugin.code_hash else plugin

    def _switch(self, plugin: Plugin, values: dict[str, Any], shadow_s: float | None) -> dict[str, Any]:
        params = plugin.params(values)
        candidate = plugin.create()
        shadow_ns = int((self._shadow_s if shadow_s is None else shadow_s) * 1e9)
        body = encode(SwapRecord(PluginSpec.of(plugin, params), shadow_ns))
        began_ns = time.perf_counter_ns()
        refused = self._engine.swap(candidate, params, plugin.id, body, self._inbox.clock(), shadow_ns=shadow_ns)
        self._inbox.after(1)
        self.last_gap_ns = time.perf_counter_ns() - began_ns
        if refused:
            raise PluginError(f"strategy {plugin.id}: {refused}")
        values = params.model_dump(mode="json")
        self._remember(plugin, values)
        return {
            "strategy": plugin.id,
            "code_hash": plugin.code_hash,
            "params": values,
            "shadow_s": shadow_ns / 1e9,
            "gap_us": self.last_gap_ns / 1e3,
        }
