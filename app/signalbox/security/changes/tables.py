"""The row that all changes to accounts and masking rules share."""

from sqlmodel import Field

from signalbox.storage.schema import Table


class SecurityStateRow(Table, table=True):
    """One row, raised by whatever changes users, rights, sessions, tokens or masking rules: what was kept of them is old then.

    Each such change locks it first, so that two of them never overlap: the last admin cannot be removed twice at once.
    """

    __tablename__ = "security_state"  # type: ignore[mutable-override]  # SQLModel declares a wider type

    id: int = Field(primary_key=True)
    version: int
