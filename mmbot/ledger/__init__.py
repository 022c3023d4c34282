"""Orders, fills, funding and balances in SQL: SQLite by default, PostgreSQL by URL.

`LedgerWriter` writes from a thread of its own, `Ledger` reads: totals, positions, and what a restart has to know.
"""

from mmbot.ledger.database import open_database
from mmbot.ledger.models import Balance, Base, Fill, Funding, Order, Session
from mmbot.ledger.queries import Ledger, SymbolTotals
from mmbot.ledger.writer import LedgerWriter

__all__ = [
    "Balance",
    "Base",
    "Fill",
    "Funding",
    "Ledger",
    "LedgerWriter",
    "Order",
    "Session",
    "SymbolTotals",
    "open_database",
]
