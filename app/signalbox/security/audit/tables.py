"""The rows of the audit log. The database itself refuses to change one, or to delete one that is not sealed."""

from sqlalchemy import BigInteger, Column, Index, LargeBinary, Text, text
from sqlmodel import Field

from signalbox.storage.schema import Table

IS_ENTRY = text(
    "kind <> 'outcome'"
)  # the rows that begin a line of the list; as a literal, else no index of them is used
REFUSED = text("kind = 'refused'")
HAS_ABOUT = text("about IS NOT NULL")


class AuditRow(Table, table=True):
    """One row of the log: its number, the hash of the row before it, its own, and the fields of `model.Entry`."""

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
    """How far the log goes: one row, locked by each append, so that numbers have no gap and the chain no fork."""

    __tablename__ = "audit_head"  # type: ignore[mutable-override]  # SQLModel declares a wider type

    id: int = Field(primary_key=True)
    log: str = Field(sa_column=Column(Text, nullable=False))  # which log it is: a head of another one proves nothing
    row: int = Field(sa_column=Column(BigInteger, nullable=False))
    hash: bytes = Field(sa_column=Column(LargeBinary(32), nullable=False))


class AuditSealRow(Table, table=True):
    """Up to which row the log was exported: the rest hangs on this row's hash, and what is below may be deleted."""

    __tablename__ = "audit_seal"  # type: ignore[mutable-override]  # SQLModel declares a wider type

    row: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False, nullable=False))
    hash: bytes = Field(sa_column=Column(LargeBinary(32), nullable=False))
    document: str = Field(sa_column=Column(Text, nullable=False))  # `documents.Seal`, word for word as it was signed
