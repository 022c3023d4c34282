"""Connections: websockets, HTTP, rate budgets, backoff, clock offset. Knows no venue."""
