"""``mmbot bench``: every hot path, measured beside what bounds it, on a recorded or a generated feed."""

from mmbot.bench.result import Report, Result, slower
from mmbot.bench.suite import run

__all__ = ["Report", "Result", "run", "slower"]
