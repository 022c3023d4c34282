"""docs/papers.md: the text of page.md, with its tables filled in."""

from __future__ import annotations

from pathlib import Path
from string import Template

import published
import tables


def page() -> str:
    """The whole page as Markdown."""
    exponential = tables.exponential_fills()
    return Template(Path(__file__).with_name("page.md").read_text(encoding="utf-8")).substitute(
        precise=f"{tables.PRECISE:,}",
        published_rule=tables.published_rule(),
        mean_spread=f"{tables.mean_spread(1.0):.4f}",
        known_paths=f"{published.KNOWN_PATHS:,}",
        other_implementation=tables.other_implementation(),
        exponential_inventory=f"{exponential['inventory']:.1f}",
        exponential_symmetric=f"{exponential['symmetric']:.1f}",
        at_odds=published.KNOWN_PREPRINT_AT_ODDS[0],
        preprint_rule=tables.preprint_rule(),
        long_run_quotes=tables.long_run_quotes(),
        glft_golden=tables.glft_golden(),
        variants=tables.variants(),
        left_out=tables.left_out(),
        arrivals=tables.arrivals(),
    )
