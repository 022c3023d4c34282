"""Strategy plugins: find, load, compile, watch."""

from mmbot.plugins.loader import Plugin, find, load, load_file, load_source

__all__ = ["Plugin", "find", "load", "load_file", "load_source"]
