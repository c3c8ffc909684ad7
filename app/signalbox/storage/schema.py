"""The base of every table, with names for its constraints: Alembic must find them again to change them."""

from sqlalchemy import MetaData
from sqlmodel import SQLModel

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Table(SQLModel):
    """A row. Lives in `store.py` only: it validates nothing and is never an answer or a body."""

    metadata = MetaData(naming_convention=NAMES)
