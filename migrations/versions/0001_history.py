"""History: series, their packed hours, and the journal of the latest samples."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "series",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("connection", sa.LargeBinary(), nullable=False),
        sa.Column("group_name", sa.LargeBinary(), nullable=False),
        sa.Column("destination", sa.LargeBinary(), nullable=True),
        sa.Column("partition", sa.Integer(), nullable=True),
        sa.Column("made_hour", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_series"),
        sa.UniqueConstraint("key", name="uq_series_key"),
    )
    op.create_table(
        "history",
        sa.Column("series_id", sa.Integer(), nullable=False),
        sa.Column("resolution", sa.SmallInteger(), nullable=False),
        sa.Column("hour", sa.Integer(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["series_id"], ["series.id"], name="fk_history_series_id_series", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("series_id", "resolution", "hour", name="pk_history"),
    )
    op.create_index("ix_history_resolution_hour_size", "history", ["resolution", "hour", "size"])
    op.create_table(
        "history_journal",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_history_journal"),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    op.drop_table("history_journal")
    op.drop_table("history")
    op.drop_table("series")
