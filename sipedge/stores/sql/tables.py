"""The tables of the database, as the newest migration leaves them.

Instants are seconds since 1970 as floats. Text that a peer sent is kept as bytes: PostgreSQL takes
no zero byte in text, and a header may hold one.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
)

METADATA: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# One row per fact about the database itself, such as the version of the accounts.
SETTING: Final = Table(
    "setting",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

CONTACT: Final = Table(
    "contact",
    METADATA,
    Column("nichandle", Text, primary_key=True),
    Column("email", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("voip_validated", Boolean, nullable=False),
)

APPLICATION: Final = Table(
    "application",
    METADATA,
    Column("key", Text, primary_key=True),
    Column("secret", LargeBinary, nullable=False),
    Column("name", Text, nullable=False),
)

CREDENTIAL: Final = Table(
    "credential",
    METADATA,
    Column("consumer_key", Text, primary_key=True),
    Column("application", Text, ForeignKey("application.key"), nullable=False),
    Column("nichandle", Text, ForeignKey("contact.nichandle"), nullable=False),
    Column("rules", Text, nullable=False),
)

BILLING_GROUP: Final = Table(
    "billing_group",
    METADATA,
    Column("billing_account", Text, primary_key=True),
    Column("admin", Text, ForeignKey("contact.nichandle"), nullable=False),
    Column("tech", Text, ForeignKey("contact.nichandle"), nullable=False),
    Column("billing", Text, ForeignKey("contact.nichandle"), nullable=False),
    Column("description", Text, nullable=False),
)

LINK: Final = Table(
    "link",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("up_kbps", Integer, nullable=False),
    Column("down_kbps", Integer, nullable=False),
)

LINE: Final = Table(
    "line",
    METADATA,
    Column("number", Text, primary_key=True),
    Column("billing_group", Text, ForeignKey("billing_group.billing_account"), nullable=False),
    Column("offer", Text, nullable=False),
    Column("simultaneous_calls", Integer, nullable=False),
    Column("password", LargeBinary, nullable=False),
    Column("link", Text, ForeignKey("link.name"), nullable=True),
    Column("description", Text, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Index(None, "billing_group"),
    sqlite_with_rowid=False,
)

ALIAS: Final = Table(
    "alias",
    METADATA,
    Column("number", Text, primary_key=True),
    Column("line", Text, ForeignKey("line.number"), nullable=False),
    Column("billing_group", Text, ForeignKey("billing_group.billing_account"), nullable=False),
    Index(None, "line"),
    sqlite_with_rowid=False,
)

PHONE: Final = Table(
    "phone",
    METADATA,
    Column("mac", Text, primary_key=True),
    Column("model", Text, nullable=False),
    Column("line", Text, ForeignKey("line.number"), nullable=False),
    Index(None, "line"),
    sqlite_with_rowid=False,
)

# No foreign key to the line: a registration is written behind, and the line may be gone by then.
BINDING: Final = Table(
    "binding",
    METADATA,
    Column("aor", Text, nullable=False),
    Column("contact_uri", LargeBinary, nullable=False),
    Column("instance", LargeBinary, nullable=False),
    Column("reg_id", BigInteger, nullable=False),
    Column("listener", Integer, nullable=False),
    Column("transport", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("port", Integer, nullable=False),
    Column("q", Integer, nullable=False),
    Column("expires_at", Double, nullable=False),
    Column("call_id", LargeBinary, nullable=False),
    Column("cseq", BigInteger, nullable=False),
    Column("path", LargeBinary, nullable=False),
    Column("user_agent", LargeBinary, nullable=False),
    Column("updated_at", Double, nullable=False),
    PrimaryKeyConstraint("aor", "contact_uri", "instance", "reg_id"),
    sqlite_with_rowid=False,
)

REFUSAL: Final = Table(
    "refusal",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("ticket", Text, nullable=False),
    Column("at", Double, nullable=False),
    Column("data", Text, nullable=False),
    Index(None, "ticket"),
    Index(None, "at"),
)

CALL_RECORD: Final = Table(
    "call_record",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("started_at", Double, nullable=False),
    Column("caller_line", Text, nullable=False),
    Column("callee_line", Text, nullable=False),
    Column("data", Text, nullable=False),
    Index(None, "caller_line", "started_at"),
    Index(None, "callee_line", "started_at"),
    Index(None, "started_at"),
)
