"""The table of the security state's version."""

from sqlmodel import Field

from signalbox.storage.schema import Table


class SecurityStateRow(Table, table=True):
    """One row. Every change of users, rights, sessions, tokens or masking rules locks it and raises the version.

    Because of the lock two admins cannot remove each other at the same time.
    """

    __tablename__ = "security_state"  # type: ignore[mutable-override]  # SQLModel declares a wider type

    id: int = Field(primary_key=True)
    version: int
