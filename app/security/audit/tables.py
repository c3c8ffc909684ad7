"""The rows of the audit log. The database itself refuses to change one, or to delete one that is not sealed."""

from sqlalchemy import BigInteger, Column, Index, LargeBinary, Text
from sqlmodel import Field

from app.storage.schema import Table


class AuditRow(Table, table=True):
    """One row of the log; the fields of `model.Entry`, its number and its hash."""

    __tablename__ = "audit"  # type: ignore[mutable-override]  # SQLModel declares a wider type
    __table_args__ = (Index(None, "at_us"), Index(None, "about"))

    row: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False, nullable=False))
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
    hash: bytes = Field(sa_column=Column(LargeBinary(32), nullable=False))


class AuditHeadRow(Table, table=True):
    """How far the log goes: one row, locked by each append, so that numbers have no gap and the chain no fork."""

    __tablename__ = "audit_head"  # type: ignore[mutable-override]  # SQLModel declares a wider type

    id: int = Field(primary_key=True)
    row: int = Field(sa_column=Column(BigInteger, nullable=False))
    hash: bytes = Field(sa_column=Column(LargeBinary(32), nullable=False))
