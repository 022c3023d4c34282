"""Carries out the faults that a plan asks for: on connections, on the venues, on limits and the clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING

from mmbot.sim.faults import Fault, FaultInjector, FaultKind

if TYPE_CHECKING:
    from mmbot.sim.connection import Connection
    from mmbot.sim.server_clock import ServerClock
    from mmbot.sim.venue_server import VenueServer

Spawn = Callable[[Coroutine[None, None, None]], object]
MS = 1_000_000  # nanoseconds
CONNECTION_KINDS = frozenset({FaultKind.DISCONNECT, FaultKind.ABORT, FaultKind.STALE})


class FaultDriver:
    """Does what the injector says is due.

    Args:
        injector: follows the plan.
        servers: by venue name.
        clock: skewed by clock faults.
        spawn: starts owned tasks.
    """

    def __init__(
        self, injector: FaultInjector, servers: Mapping[str, VenueServer], clock: ServerClock, spawn: Spawn
    ) -> None:
        self._injector = injector
        self._servers = servers
        self._clock = clock
        self._spawn = spawn

    def run(self, now_s: float) -> None:
        """Carry out everything due by `now_s`. Connection faults without a victim do not happen and do not count."""
        if self._injector.next_s <= now_s:
            for fault in self._injector.due(now_s):
                if self._carry_out(fault, now_s):
                    self._injector.happened(fault)

    def _carry_out(self, fault: Fault, now_s: float) -> bool:
        if fault.kind in CONNECTION_KINDS:
            return self._hit_connections(fault)
        if fault.kind is FaultKind.CLOCK_SKEW:
            self._clock.skew_ns = int(fault.skew_ms * MS)
            self._later(fault, self._end_skew)
            return True
        for server in self._aimed_at(fault):
            self._hit_venue(server, fault, now_s)
        return True

    def _hit_venue(self, server: VenueServer, fault: Fault, now_s: float) -> None:
        gateway = server.gateway
        match fault.kind:
            case FaultKind.RATE_LIMIT:
                gateway.limiter.force(429, now_s + fault.duration_ms / 1000)
            case FaultKind.BAN:
                gateway.limiter.force(418, now_s + fault.duration_ms / 1000)
            case FaultKind.REJECT:
                gateway.venue.faults.reject_next(fault.code, fault.msg, count=fault.count)
            case FaultKind.DUPLICATE_FILL:
                gateway.venue.faults.duplicate_fills(fault.count)
            case FaultKind.SLOW_MATCHING:
                gateway.venue.faults.slow_matching(int(fault.delay_ms * MS))
                self._later(fault, _end_slow_matching(server))

    def _aimed_at(self, fault: Fault) -> list[VenueServer]:
        if fault.venue:
            return [self._servers[fault.venue]]
        if fault.everywhere:
            return list(self._servers.values())
        return [self._injector.random.choice(list(self._servers.values()))]

    def _hit_connections(self, fault: Fault) -> bool:
        victims = [
            connection
            for name, server in self._servers.items()
            if fault.venue in ("", name)
            for connection in server.hub.connections
            if connection.matches(fault.target) and not connection.closing
        ]
        if victims and not fault.everywhere:
            victims = [self._injector.random.choice(victims)]
        for connection in victims:
            self._hit(connection, fault)
        return bool(victims)

    def _hit(self, connection: Connection, fault: Fault) -> None:
        if fault.kind is FaultKind.ABORT:
            connection.abort()
        elif fault.kind is FaultKind.DISCONNECT:
            self._spawn(connection.close(1000))
        else:
            connection.muted = True
            self._later(fault, _unmute(connection))

    def _later(self, fault: Fault, action: Callable[[], None]) -> None:
        asyncio.get_running_loop().call_later(fault.duration_ms / 1000, action)

    def _end_skew(self) -> None:
        self._clock.skew_ns = 0


def _end_slow_matching(server: VenueServer) -> Callable[[], None]:
    return lambda: server.gateway.venue.faults.slow_matching(0)


def _unmute(connection: Connection) -> Callable[[], None]:
    def unmute() -> None:
        if not connection.closing:
            connection.muted = False

    return unmute
