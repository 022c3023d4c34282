"""The studies themselves stand beside the benchmarks, since they also write the docs page."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks" / "papers"))
