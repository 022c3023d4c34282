"""The asyncio shell around the core: sockets and files on one side, events in and commands out on the other.

`session` owns a run from start to end; `inbox` is the only door to the core; `reconciliation` asks the venues what they
hold; `swapping` changes the plugin; `books` keeps the ledger; `replay` runs a journal through a fresh core.
"""
