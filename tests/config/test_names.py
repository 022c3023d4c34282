"""The config restates names of layers above it; they must be the same."""

from __future__ import annotations

from typing import get_args

import msgspec.structs

from mmbot.config.exchange import FaultEvent
from mmbot.config.exchange import FaultKind as ConfigFaultKind
from mmbot.sim.faults import Fault, FaultKind


def test_fault_kinds_are_those_of_the_simulated_exchange() -> None:
    assert list(get_args(ConfigFaultKind)) == [kind.value for kind in FaultKind]


def test_fault_fields_and_defaults_are_those_of_the_simulated_exchange() -> None:
    theirs = {field.name: field.default for field in msgspec.structs.fields(Fault)}
    for name, field in FaultEvent.model_fields.items():
        assert name in theirs
        if name not in {"kind", "at_s"}:
            assert field.default == theirs[name]
