"""The table of masking rules created by admins. Lists are JSON. Times are seconds since the epoch."""

from sqlalchemy import Column, Double, Text
from sqlmodel import Field

from signalbox.storage.schema import Table


class MaskingRuleRow(Table, table=True):
    """One rule; `place` is its order after the configured rules."""

    __tablename__ = "masking_rule"  # type: ignore[mutable-override]  # SQLModel declares a wider type

    id: int | None = Field(default=None, primary_key=True)
    place: int  # from 1, without gaps
    name: str = Field(sa_column=Column(Text, nullable=False, unique=True))
    destinations: str = Field(sa_column=Column(Text, nullable=False))
    types: str = Field(sa_column=Column(Text, nullable=False))
    what: str = Field(sa_column=Column(Text, nullable=False))
    how: str = Field(sa_column=Column(Text, nullable=False))
    made_by: str = Field(sa_column=Column(Text, nullable=False))
    made_at: float = Field(sa_column=Column(Double, nullable=False))
