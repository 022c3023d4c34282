"""The tables. Prices, quantities and money are exact decimals kept as text; times are UTC nanoseconds."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from sqlalchemy import BigInteger, Dialect, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator


class ExactDecimal(TypeDecorator[Decimal]):
    """A finite decimal stored as plain text, so that no database rounds it. A float is refused."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Decimal or decimal text to plain text (no exponent).

        Raises:
            TypeError: a float, or anything else that is not an exact number.
            ValueError: not a finite decimal.
        """
        if value is None:
            return None
        if not isinstance(value, Decimal | int | str):
            raise TypeError(f"expected an exact decimal, found {value!r}")
        try:
            exact = Decimal(value)
        except InvalidOperation:
            raise ValueError(f"expected a decimal, found {value!r}") from None
        if not exact.is_finite():
            raise ValueError(f"expected a finite decimal, found {value!r}")
        return format(exact, "f")

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:  # noqa: ARG002
        """Text back to the decimal."""
        return None if value is None else Decimal(value)


class Base(DeclarativeBase):
    """Root of the tables; a `Decimal` is exact, an `int` 64 bits."""

    type_annotation_map = {Decimal: ExactDecimal, int: BigInteger, str: String(80)}  # noqa: RUF012 - SQLAlchemy's way


class Session(Base):
    """One run of a bot."""

    __tablename__ = "sessions"
    id: Mapped[str] = mapped_column(primary_key=True)
    bot: Mapped[str] = mapped_column(index=True)
    mode: Mapped[str]
    started_ns: Mapped[int]
    ended_ns: Mapped[int | None]
    exit_reason: Mapped[str | None] = mapped_column(Text)


class Order(Base):
    """One order that has ended, as last known; `state` is the name of an `OrderState`."""

    __tablename__ = "orders"
    session_id: Mapped[str] = mapped_column(primary_key=True)
    order_num: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    venue: Mapped[str]
    symbol: Mapped[str]
    venue_order_id: Mapped[int]
    side: Mapped[str] = mapped_column(String(4))
    purpose: Mapped[str]
    state: Mapped[str]
    price: Mapped[Decimal]
    qty: Mapped[Decimal]
    filled: Mapped[Decimal]
    reason: Mapped[int]
    created_ns: Mapped[int]
    updated_ns: Mapped[int]


class Fill(Base):
    """One fill. The venue's trade id makes it unique; with the side, for a trade with ourselves is two fills."""

    __tablename__ = "fills"
    __table_args__ = (
        UniqueConstraint("venue", "symbol", "trade_id", "side", name="fills_once"),
        Index("fills_by_time", "venue", "symbol", "exch_ts_ns"),
    )
    id: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer(), "sqlite"),
        primary_key=True,  # SQLite numbers rows only by INTEGER
    )
    venue: Mapped[str]
    symbol: Mapped[str]
    trade_id: Mapped[int]
    side: Mapped[str] = mapped_column(String(4))
    price: Mapped[Decimal]
    qty: Mapped[Decimal]
    notional: Mapped[Decimal]
    fee: Mapped[Decimal]
    fee_asset: Mapped[str]
    maker: Mapped[bool | None]
    purpose: Mapped[str]
    session_id: Mapped[str]
    order_num: Mapped[int]
    venue_order_id: Mapped[int]
    exch_ts_ns: Mapped[int]
    recv_ts_ns: Mapped[int]


class Funding(Base):
    """One funding payment; `amount` > 0 was received."""

    __tablename__ = "funding"
    venue: Mapped[str] = mapped_column(primary_key=True)
    symbol: Mapped[str] = mapped_column(primary_key=True)
    ts_ns: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    asset: Mapped[str] = mapped_column(primary_key=True)
    amount: Mapped[Decimal]


class Balance(Base):
    """A wallet balance as the venue stated it."""

    __tablename__ = "balances"
    venue: Mapped[str] = mapped_column(primary_key=True)
    asset: Mapped[str] = mapped_column(primary_key=True)
    ts_ns: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    wallet: Mapped[Decimal]
