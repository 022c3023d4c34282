"""Timing loops around what takes tens of nanoseconds: called from Python, the call would be most of the figure.

Nothing here is for other compiled modules.
"""
