"""The tables of accounts. Secrets are stored as hashes only. Times are seconds since the epoch."""

from sqlalchemy import Column, Double, ForeignKey, Index, Integer, LargeBinary, SmallInteger, Text
from sqlmodel import Field

from signalbox.storage.schema import Table

NEVER_REUSE_IDS = {"sqlite_autoincrement": True}  # an open page or socket may still use the ID of a removed row


def _user_id(*, primary_key: bool = False) -> Column[int]:
    return Column(Integer, ForeignKey("user.id", ondelete="CASCADE"), primary_key=primary_key, nullable=False)


class UserRow(Table, table=True):
    """A user. Without password and subject: invited, or token only."""

    __tablename__ = "user"  # type: ignore[mutable-override]  # SQLModel declares a wider type
    __table_args__ = NEVER_REUSE_IDS

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(sa_column=Column(Text, nullable=False, unique=True))
    password_hash: str | None = Field(default=None, sa_column=Column(Text, nullable=True))
    password_at: float | None = Field(default=None, sa_column=Column(Double, nullable=True))
    subject: str | None = Field(default=None, sa_column=Column(Text, nullable=True, unique=True))  # of OIDC
    made_at: float = Field(sa_column=Column(Double, nullable=False))
    made_by: str = Field(sa_column=Column(Text, nullable=False))
    seen_at: float | None = Field(default=None, sa_column=Column(Double, nullable=True))


class GrantRow(Table, table=True):
    """A user's role on one resource; "*" is everywhere else."""

    __tablename__ = "user_grant"  # type: ignore[mutable-override]  # SQLModel declares a wider type

    user_id: int = Field(sa_column=_user_id(primary_key=True))
    resource: str = Field(sa_column=Column(Text, primary_key=True, nullable=False))
    role: int = Field(sa_column=Column(SmallInteger, nullable=False))
    payloads: bool


class SessionRow(Table, table=True):
    """A signed-in browser. Revoking deletes the row."""

    __tablename__ = "session"  # type: ignore[mutable-override]  # SQLModel declares a wider type
    __table_args__ = NEVER_REUSE_IDS

    id: int | None = Field(default=None, primary_key=True)
    hash: bytes = Field(sa_column=Column(LargeBinary(32), nullable=False, unique=True))
    user_id: int = Field(sa_column=_user_id())
    made_at: float = Field(sa_column=Column(Double, nullable=False))
    used_at: float = Field(sa_column=Column(Double, nullable=False))
    ends_at: float = Field(sa_column=Column(Double, nullable=False))  # however much it is used
    address: str = Field(sa_column=Column(Text, nullable=False))
    agent: str = Field(sa_column=Column(Text, nullable=False))


class TokenRow(Table, table=True):
    """An API token. It never has more rights than its user."""

    __tablename__ = "token"  # type: ignore[mutable-override]  # SQLModel declares a wider type
    __table_args__ = NEVER_REUSE_IDS

    id: int | None = Field(default=None, primary_key=True)
    hash: bytes = Field(sa_column=Column(LargeBinary(32), nullable=False, unique=True))
    hint: str = Field(sa_column=Column(Text, nullable=False))  # "sbx_4d…e1"
    user_id: int = Field(sa_column=_user_id())
    name: str = Field(sa_column=Column(Text, nullable=False))
    role: int = Field(sa_column=Column(SmallInteger, nullable=False))
    payloads: bool
    resource: str = Field(sa_column=Column(Text, nullable=False))  # "*": everywhere
    made_at: float = Field(sa_column=Column(Double, nullable=False))
    ends_at: float = Field(sa_column=Column(Double, nullable=False))
    used_at: float | None = Field(default=None, sa_column=Column(Double, nullable=True))


class LinkRow(Table, table=True):
    """A one-time link that sets a password: for an invitation, a reset, or (without a user) the first admin."""

    __tablename__ = "link"  # type: ignore[mutable-override]  # SQLModel declares a wider type
    __table_args__ = NEVER_REUSE_IDS

    id: int | None = Field(default=None, primary_key=True)
    hash: bytes = Field(sa_column=Column(LargeBinary(32), nullable=False, unique=True))
    user_id: int | None = Field(
        default=None, sa_column=Column(Integer, ForeignKey("user.id", ondelete="CASCADE"), nullable=True)
    )
    made_at: float = Field(sa_column=Column(Double, nullable=False))
    made_by: str = Field(sa_column=Column(Text, nullable=False))
    ends_at: float = Field(sa_column=Column(Double, nullable=False))


class AttemptRow(Table, table=True):
    """A failed attempt, in SQL so that all replicas count together."""

    __tablename__ = "attempt"  # type: ignore[mutable-override]  # SQLModel declares a wider type
    __table_args__ = (Index(None, "bucket", "at"), Index(None, "at"), NEVER_REUSE_IDS)

    id: int | None = Field(default=None, primary_key=True)
    bucket: bytes = Field(sa_column=Column(LargeBinary(32), nullable=False))  # a hash, see model.attempt_bucket
    name: str | None = Field(default=None, sa_column=Column(Text, nullable=True))  # the user name that was tried
    at: float = Field(sa_column=Column(Double, nullable=False))
