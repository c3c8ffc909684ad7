"""The audit log. Database triggers reject changes to rows, and deletes of rows that are not sealed."""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TEXTS = ("actor", "via", "address", "agent", "request", "action", "resource", "target", "parameters", "reason")
LINE = "kind <> 'outcome'"
INDEXES = {  # name: columns, unique, condition
    "ix_audit_at_us_row": (["at_us", "row"], False, LINE),
    "ix_audit_actor_at_us_row": (["actor", "at_us", "row"], False, LINE),
    "ix_audit_action_at_us_row": (["action", "at_us", "row"], False, LINE),
    "ix_audit_resource_at_us_row": (["resource", "at_us", "row"], False, LINE),
    "ix_audit_refused": (["at_us", "row"], False, "kind = 'refused'"),
    "ix_audit_about": (["about"], True, "about IS NOT NULL"),
}

SEALED = "coalesce((SELECT max(s.row) FROM audit_seal s), 0)"
# table, rejected operation, condition, error message
REFUSALS = [
    ("audit", "UPDATE", None, "signalbox audit: a row cannot be changed"),
    ("audit", "DELETE", f"OLD.row > {SEALED}", "signalbox audit: a row above the last seal cannot be deleted"),
    (  # on SQLite, INSERT OR REPLACE changes a row without an UPDATE
        "audit",
        "INSERT",
        "NEW.row <= (SELECT h.row FROM audit_head h)",
        "signalbox audit: a row can only be appended",
    ),
    ("audit_seal", "UPDATE", None, "signalbox audit: a seal cannot be changed"),
    ("audit_seal", "DELETE", None, "signalbox audit: a seal cannot be deleted"),
    (
        "audit_seal",
        "INSERT",
        f"NEW.row <= {SEALED} OR NOT EXISTS (SELECT 1 FROM audit a WHERE a.row = NEW.row AND a.hash = NEW.hash)",  # noqa: S608
        "signalbox audit: a seal names a row that is there, above the last seal",
    ),
]


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("row", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("previous", sa.LargeBinary(length=32), nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("about", sa.BigInteger(), nullable=True),
        *(sa.Column(name, sa.Text(), nullable=False) for name in (*TEXTS, "outcome", "detail")),
        sa.Column("took_us", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("row", name="pk_audit"),
    )
    for name, (columns, unique, where) in INDEXES.items():
        only = sa.text(where)
        op.create_index(name, "audit", columns, unique=unique, sqlite_where=only, postgresql_where=only)
    head = op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("log", sa.Text(), nullable=False),
        sa.Column("row", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_head"),
    )
    op.bulk_insert(head, [{"id": 1, "log": secrets.token_hex(8), "row": 0, "hash": bytes(32)}])
    op.create_table(
        "audit_seal",
        sa.Column("row", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("row", name="pk_audit_seal"),
    )
    refuse = _on_sqlite if op.get_bind().dialect.name == "sqlite" else _on_postgresql
    for table, what, when, says in REFUSALS:
        refuse(f"{table}_{what.lower()}_refused", table, what, when, says)


def _on_sqlite(name: str, table: str, what: str, when: str | None, says: str) -> None:
    condition = f"WHEN {when} " if when else ""
    op.execute(f"CREATE TRIGGER {name} BEFORE {what} ON {table} {condition}BEGIN SELECT RAISE(ABORT, '{says}'); END")


def _on_postgresql(name: str, table: str, what: str, when: str | None, says: str) -> None:
    """Put the condition into the function: a PostgreSQL trigger condition cannot contain a subquery."""
    gives = "OLD" if what == "DELETE" else "NEW"
    raises = f"RAISE EXCEPTION '{says}' USING ERRCODE = 'restrict_violation';"
    body = f"IF {when} THEN {raises} END IF;" if when else raises
    op.execute(f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} RETURN {gives}; END $$")
    op.execute(f"CREATE TRIGGER {name} BEFORE {what} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()")
    if what == "UPDATE":  # TRUNCATE does not fire the trigger of DELETE
        op.execute(f"CREATE TRIGGER {table}_truncate_refused BEFORE TRUNCATE ON {table} EXECUTE FUNCTION {name}()")


def downgrade() -> None:
    for table in ("audit_seal", "audit_head", "audit"):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        for table, what, _, _ in REFUSALS:
            op.execute(f"DROP FUNCTION {table}_{what.lower()}_refused()")
