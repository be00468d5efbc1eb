"""First tables: accounts, registrations, refusals and call records.

Revision 0001, after nothing.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Go from nothing to 0001."""
    settings = op.create_table(
        "setting",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_setting"),
    )
    op.bulk_insert(settings, [{"name": "accounts_version", "value": "1"}])
    _create_people()
    _create_lines()
    _create_bindings()
    _create_records()


def _create_people() -> None:
    op.create_table(
        "contact",
        sa.Column("nichandle", sa.Text, nullable=False),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("password_hash", sa.Text, nullable=False),
        sa.Column("voip_validated", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("nichandle", name="pk_contact"),
    )
    op.create_table(
        "application",
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("secret", sa.LargeBinary, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_application"),
    )
    op.create_table(
        "credential",
        sa.Column("consumer_key", sa.Text, nullable=False),
        sa.Column("application", sa.Text, nullable=False),
        sa.Column("nichandle", sa.Text, nullable=False),
        sa.Column("rules", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("consumer_key", name="pk_credential"),
        _reference("credential", "application", "application", "key"),
        _reference("credential", "nichandle", "contact", "nichandle"),
    )
    op.create_table(
        "billing_group",
        sa.Column("billing_account", sa.Text, nullable=False),
        sa.Column("admin", sa.Text, nullable=False),
        sa.Column("tech", sa.Text, nullable=False),
        sa.Column("billing", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("billing_account", name="pk_billing_group"),
        _reference("billing_group", "admin", "contact", "nichandle"),
        _reference("billing_group", "tech", "contact", "nichandle"),
        _reference("billing_group", "billing", "contact", "nichandle"),
    )


def _create_lines() -> None:
    op.create_table(
        "link",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("up_kbps", sa.Integer, nullable=False),
        sa.Column("down_kbps", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_link"),
    )
    op.create_table(
        "line",
        sa.Column("number", sa.Text, nullable=False),
        sa.Column("billing_group", sa.Text, nullable=False),
        sa.Column("offer", sa.Text, nullable=False),
        sa.Column("simultaneous_calls", sa.Integer, nullable=False),
        sa.Column("password", sa.LargeBinary, nullable=False),
        sa.Column("link", sa.Text, nullable=True),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_line"),
        _reference("line", "billing_group", "billing_group", "billing_account"),
        _reference("line", "link", "link", "name"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_line_billing_group", "line", ["billing_group"])
    op.create_table(
        "alias",
        sa.Column("number", sa.Text, nullable=False),
        sa.Column("line", sa.Text, nullable=False),
        sa.Column("billing_group", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_alias"),
        _reference("alias", "line", "line", "number"),
        _reference("alias", "billing_group", "billing_group", "billing_account"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_alias_line", "alias", ["line"])
    op.create_table(
        "phone",
        sa.Column("mac", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("line", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("mac", name="pk_phone"),
        _reference("phone", "line", "line", "number"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_phone_line", "phone", ["line"])


def _create_bindings() -> None:
    op.create_table(
        "binding",
        sa.Column("aor", sa.Text, nullable=False),
        sa.Column("contact_uri", sa.LargeBinary, nullable=False),
        sa.Column("instance", sa.LargeBinary, nullable=False),
        sa.Column("reg_id", sa.BigInteger, nullable=False),
        sa.Column("listener", sa.Integer, nullable=False),
        sa.Column("transport", sa.Text, nullable=False),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("port", sa.Integer, nullable=False),
        sa.Column("q", sa.Integer, nullable=False),
        sa.Column("expires_at", sa.Double, nullable=False),
        sa.Column("call_id", sa.LargeBinary, nullable=False),
        sa.Column("cseq", sa.BigInteger, nullable=False),
        sa.Column("path", sa.LargeBinary, nullable=False),
        sa.Column("user_agent", sa.LargeBinary, nullable=False),
        sa.Column("updated_at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("aor", "contact_uri", "instance", "reg_id", name="pk_binding"),
        sqlite_with_rowid=False,
    )


def _create_records() -> None:
    op.create_table(
        "refusal",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("ticket", sa.Text, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("data", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_refusal"),
    )
    op.create_index("ix_refusal_ticket", "refusal", ["ticket"])
    op.create_index("ix_refusal_at", "refusal", ["at"])
    op.create_table(
        "call_record",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("started_at", sa.Double, nullable=False),
        sa.Column("caller_line", sa.Text, nullable=False),
        sa.Column("callee_line", sa.Text, nullable=False),
        sa.Column("data", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_call_record"),
    )
    for column in ("caller_line", "callee_line"):
        op.create_index(
            f"ix_call_record_{column}_started_at", "call_record", [column, "started_at"]
        )
    op.create_index("ix_call_record_started_at", "call_record", ["started_at"])


def _reference(table: str, column: str, target: str, key: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        [column], [f"{target}.{key}"], name=f"fk_{table}_{column}_{target}"
    )


def downgrade() -> None:
    """Go back to nothing."""
    for table in (
        "call_record",
        "refusal",
        "binding",
        "phone",
        "alias",
        "line",
        "link",
        "billing_group",
        "credential",
        "application",
        "contact",
        "setting",
    ):
        op.drop_table(table)
