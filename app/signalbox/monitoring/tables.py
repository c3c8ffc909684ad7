"""The tables of history. Names are bytes: a broker allows any UTF-8, and PostgreSQL's text type refuses some of it."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, SmallInteger
from sqlmodel import Field

from signalbox.storage.schema import Table


class SeriesRow(Table, table=True):
    """One series: a group or one of its partitions. Other tables refer to it by `id`."""

    __tablename__ = "series"  # type: ignore[mutable-override]  # SQLModel declares a wider type

    id: int | None = Field(default=None, primary_key=True)
    key: bytes = Field(sa_column=Column(LargeBinary(32), nullable=False, unique=True))  # SHA-256 of the four below
    connection: bytes
    group_name: bytes
    destination: bytes | None = None
    partition: int | None = None
    made_hour: int  # hours since the epoch


class HistoryRow(Table, table=True):
    """One hour of one series at one resolution, packed (packing.py)."""

    __tablename__ = "history"  # type: ignore[mutable-override]  # SQLModel declares a wider type
    __table_args__ = (Index(None, "resolution", "hour", "size"),)  # so that pruning reads the index only

    series_id: int = Field(
        sa_column=Column(Integer, ForeignKey("series.id", ondelete="CASCADE"), primary_key=True, nullable=False)
    )
    resolution: int = Field(sa_column=Column(SmallInteger, primary_key=True, nullable=False))  # seconds; 0 = raw
    hour: int = Field(primary_key=True)  # hours since the epoch
    size: int  # bytes of `data`
    data: bytes


class JournalRow(Table, table=True):
    """The samples of the last seconds, of all series together, until they are packed into `history`."""

    __tablename__ = "history_journal"  # type: ignore[mutable-override]  # SQLModel declares a wider type
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012 - SQLModel's form. Ids are never reused

    id: int | None = Field(
        default=None, sa_column=Column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    )
    data: bytes
