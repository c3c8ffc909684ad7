"""The tables of the audit log. Triggers refuse changes of rows, and deletion of rows that are not sealed."""

from sqlalchemy import BigInteger, Column, Index, LargeBinary, Text, text
from sqlmodel import Field

from signalbox.storage.schema import Table

IS_ENTRY = text("kind <> 'outcome'")  # a literal: with a parameter the partial indexes are not used
REFUSED = text("kind = 'refused'")
HAS_ABOUT = text("about IS NOT NULL")


class AuditRow(Table, table=True):
    """One row of the log: its number, the previous row's hash, its own, and the fields of `model.AuditRecord`."""

    __tablename__ = "audit"  # type: ignore[mutable-override]  # SQLModel declares a wider type
    __table_args__ = (
        Index(None, "at_us", "row", sqlite_where=IS_ENTRY, postgresql_where=IS_ENTRY),
        Index(None, "actor", "at_us", "row", sqlite_where=IS_ENTRY, postgresql_where=IS_ENTRY),
        Index(None, "action", "at_us", "row", sqlite_where=IS_ENTRY, postgresql_where=IS_ENTRY),
        Index(None, "resource", "at_us", "row", sqlite_where=IS_ENTRY, postgresql_where=IS_ENTRY),
        Index("ix_audit_refused", "at_us", "row", sqlite_where=REFUSED, postgresql_where=REFUSED),
        Index(None, "about", unique=True, sqlite_where=HAS_ABOUT, postgresql_where=HAS_ABOUT),
    )

    row: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False, nullable=False))
    previous: bytes = Field(sa_column=Column(LargeBinary(32), nullable=False))
    hash: bytes = Field(sa_column=Column(LargeBinary(32), nullable=False))
    at_us: int = Field(sa_column=Column(BigInteger, nullable=False))
    kind: str = Field(sa_column=Column(Text, nullable=False))
    about: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    actor: str = Field(sa_column=Column(Text, nullable=False))
    via: str = Field(sa_column=Column(Text, nullable=False))
    address: str = Field(sa_column=Column(Text, nullable=False))
    agent: str = Field(sa_column=Column(Text, nullable=False))
    request: str = Field(sa_column=Column(Text, nullable=False))
    action: str = Field(sa_column=Column(Text, nullable=False))
    resource: str = Field(sa_column=Column(Text, nullable=False))
    target: str = Field(sa_column=Column(Text, nullable=False))
    parameters: str = Field(sa_column=Column(Text, nullable=False))
    reason: str = Field(sa_column=Column(Text, nullable=False))
    outcome: str = Field(sa_column=Column(Text, nullable=False))
    detail: str = Field(sa_column=Column(Text, nullable=False))
    took_us: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))


class AuditHeadRow(Table, table=True):
    """The end of the log: one row, locked by each append, so that numbers have no gaps and the chain no forks."""

    __tablename__ = "audit_head"  # type: ignore[mutable-override]  # SQLModel declares a wider type

    id: int = Field(primary_key=True)
    log: str = Field(sa_column=Column(Text, nullable=False))  # log ID
    row: int = Field(sa_column=Column(BigInteger, nullable=False))
    hash: bytes = Field(sa_column=Column(LargeBinary(32), nullable=False))


class AuditSealRow(Table, table=True):
    """The last row of a sealed file: the next row follows this hash, and rows up to it may be deleted."""

    __tablename__ = "audit_seal"  # type: ignore[mutable-override]  # SQLModel declares a wider type

    row: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False, nullable=False))
    hash: bytes = Field(sa_column=Column(LargeBinary(32), nullable=False))
    document: str = Field(sa_column=Column(Text, nullable=False))  # `documents.SignedSeal`, exactly as signed
