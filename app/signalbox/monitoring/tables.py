"""The rows of history. Names are bytes: a broker's names are any UTF-8, and PostgreSQL's text refuses some of it."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, SmallInteger
from sqlmodel import Field

from signalbox.storage.schema import Table


class SeriesRow(Table, table=True):
    """What a series is about: a group, or one partition of one; known elsewhere by `id`."""

    __tablename__ = "series"  # type: ignore[mutable-override]  # SQLModel declares a wider type

    id: int | None = Field(default=None, primary_key=True)
    key: bytes = Field(sa_column=Column(LargeBinary(32), nullable=False, unique=True))  # SHA-256 of the four below
    connection: bytes
    group_name: bytes
    destination: bytes | None = None
    partition: int | None = None
    made_hour: int  # hours since the epoch


class HistoryRow(Table, table=True):
    """One hour of one series at one resolution, packed (samples.py)."""

    __tablename__ = "history"  # type: ignore[mutable-override]  # SQLModel declares a wider type
    __table_args__ = (
        Index(None, "resolution", "hour", "size"),
    )  # what is kept, and what goes first, from the index alone

    series_id: int = Field(
        sa_column=Column(Integer, ForeignKey("series.id", ondelete="CASCADE"), primary_key=True, nullable=False)
    )
    resolution: int = Field(sa_column=Column(SmallInteger, primary_key=True, nullable=False))  # seconds; 0 = as read
    hour: int = Field(primary_key=True)  # hours since the epoch
    size: int  # bytes of `data`
    data: bytes


class JournalRow(Table, table=True):
    """What was read in the last seconds, of all series together, until it stands in `history`."""

    __tablename__ = "history_journal"  # type: ignore[mutable-override]  # SQLModel declares a wider type
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012 - SQLModel's form. An id is never used again

    id: int | None = Field(
        default=None, sa_column=Column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    )
    data: bytes
