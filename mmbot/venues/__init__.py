"""Connectors: one folder per venue; `base` is what all offer, `registry` finds them by kind."""
