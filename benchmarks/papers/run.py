"""Reproduces what the papers print, and writes docs/papers.md with its figures.

python benchmarks/papers/run.py             print the page, and write it
python benchmarks/papers/run.py --check     write nothing; fail if the page or a figure is not what this gives
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from page import page
from plots import FIGURES

DOCS = Path(__file__).resolve().parents[2] / "docs"


def files() -> dict[str, str]:
    """Every file that is made here: path below docs/, and text."""
    made = {f"papers/{name}.svg": draw() for name, draw in FIGURES.items()}
    return {"papers.md": page(), **made}


def stale(made: dict[str, str], docs: Path) -> list[str]:
    """Those that are missing or differ."""
    return [
        name
        for name, text in made.items()
        if not (docs / name).exists() or (docs / name).read_text(encoding="utf-8") != text
    ]


def main() -> int:
    """Run; 1 when the check fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare only")
    parser.add_argument("--docs", type=Path, default=DOCS, help="where the page lies")
    options = parser.parse_args()
    made = files()
    if options.check:
        different = stale(made, options.docs)
        for name in different:
            print(f"{options.docs / name}: not what `python benchmarks/papers/run.py` gives", file=sys.stderr)
        return 1 if different else 0
    print(made["papers.md"])
    (options.docs / "papers").mkdir(parents=True, exist_ok=True)
    for name, text in made.items():
        (options.docs / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
