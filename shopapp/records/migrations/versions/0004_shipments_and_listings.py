"""Shipments, the rules of accounts, variants, listings and their pushes, SKU mappings."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

import shopapp.records.db

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "shop_sweep",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("cursor_at", shopapp.records.db.Moment(timezone=True), nullable=True),
        sa.Column("began_at", shopapp.records.db.Moment(timezone=True), nullable=True),
        sa.Column("page_token", sa.String(length=500), nullable=False),
        sa.Column("ticket", sa.String(length=255), nullable=False),
        sa.Column("ended_at", shopapp.records.db.Moment(timezone=True), nullable=True),
        sa.Column("words", sa.String(length=500), nullable=False),
        sa.Column("due_at", shopapp.records.db.Moment(timezone=True), nullable=True),
        sa.Column("lease_token", sa.String(length=32), nullable=False),
        sa.Column("lease_until", shopapp.records.db.Moment(timezone=True), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f("fk_shop_sweep_shop_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shop_sweep")),
        sa.UniqueConstraint("shop_id", "kind", name=op.f("uq_shop_sweep_shop_id_kind")),
    )
    op.create_index(op.f("ix_shop_sweep_due_at"), "shop_sweep", ["due_at"], unique=False)
    op.create_table(
        "variant",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("gid", sa.String(length=64), nullable=False),
        sa.Column("item_gid", sa.String(length=64), nullable=False),
        sa.Column("product_gid", sa.String(length=64), nullable=False),
        sa.Column("sku", sa.String(length=255), nullable=False),
        sa.Column("title", sa.String(length=255), nullable=False),
        sa.Column("price_minor", sa.BigInteger(), nullable=True),
        sa.Column("tracked", sa.Boolean(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("levels", sa.JSON(), nullable=False),
        sa.Column("read_at", shopapp.records.db.Moment(timezone=True), nullable=False),
        sa.Column("gone_at", shopapp.records.db.Moment(timezone=True), nullable=True),
        sa.Column("due_at", shopapp.records.db.Moment(timezone=True), nullable=True),
        sa.Column("lease_token", sa.String(length=32), nullable=False),
        sa.Column("lease_until", shopapp.records.db.Moment(timezone=True), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f("fk_variant_shop_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_variant")),
        sa.UniqueConstraint("shop_id", "gid", name=op.f("uq_variant_shop_id_gid")),
    )
    op.create_index(op.f("ix_variant_due_at"), "variant", ["due_at"], unique=False)
    op.create_index(op.f("ix_variant_product_gid"), "variant", ["product_gid"], unique=False)
    op.create_index("ix_variant_shop_item", "variant", ["shop_id", "item_gid"], unique=False)
    op.create_index("ix_variant_shop_sku", "variant", ["shop_id", "sku"], unique=False)
    op.create_table(
        "account_rules",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("send_shipments", sa.Boolean(), nullable=False),
        sa.Column("restock", sa.String(length=8), nullable=False),
        sa.Column("import_channel_fulfilled", sa.Boolean(), nullable=False),
        sa.Column("push_price", sa.Boolean(), nullable=False),
        sa.Column("push_stock", sa.Boolean(), nullable=False),
        sa.Column("switched_at", shopapp.records.db.Moment(timezone=True), nullable=True),
        sa.Column("locations", sa.JSON(), nullable=False),
        sa.Column("buffer", sa.Integer(), nullable=False),
        sa.Column("maximum", sa.Integer(), nullable=True),
        sa.Column("dry_run", sa.Boolean(), nullable=False),
        sa.Column("brake_percent", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_account_rules_account_id")),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f("fk_account_rules_shop_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account_rules")),
        sa.UniqueConstraint("account_id", name=op.f("uq_account_rules_account_id")),
    )
    op.create_index(op.f("ix_account_rules_shop_id"), "account_rules", ["shop_id"], unique=False)
    op.create_table(
        "listing",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uid", sa.String(length=32), nullable=False),
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("sku", sa.String(length=255), nullable=False),
        sa.Column("remote_id", sa.String(length=64), nullable=False),
        sa.Column("title", sa.String(length=500), nullable=False),
        sa.Column("product_type", sa.String(length=100), nullable=False),
        sa.Column("by_channel", sa.Boolean(), nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("variant_id", sa.Integer(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("there_price_minor", sa.BigInteger(), nullable=True),
        sa.Column("there_quantity", sa.Integer(), nullable=True),
        sa.Column("there_at", shopapp.records.db.Moment(timezone=True), nullable=True),
        sa.Column("price_minor", sa.BigInteger(), nullable=True),
        sa.Column("quantity", sa.Integer(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("sent_version", sa.Integer(), nullable=False),
        sa.Column("acked_version", sa.Integer(), nullable=False),
        sa.Column("urgent", sa.Boolean(), nullable=False),
        sa.Column("wished_at", shopapp.records.db.Moment(timezone=True), nullable=True),
        sa.Column("pushed_at", shopapp.records.db.Moment(timezone=True), nullable=True),
        sa.Column("ticket", sa.String(length=255), nullable=False),
        sa.Column("cause", sa.String(length=64), nullable=False),
        sa.Column("cause_params", sa.JSON(), nullable=False),
        sa.Column("cause_words", sa.String(length=500), nullable=False),
        sa.Column("read_mark", sa.Integer(), nullable=False),
        sa.Column("due_at", shopapp.records.db.Moment(timezone=True), nullable=True),
        sa.Column("lease_token", sa.String(length=32), nullable=False),
        sa.Column("lease_until", shopapp.records.db.Moment(timezone=True), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_listing_account_id")),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f("fk_listing_shop_id")),
        sa.ForeignKeyConstraint(["variant_id"], ["variant.id"], name=op.f("fk_listing_variant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_listing")),
        sa.UniqueConstraint("account_id", "site", "sku", name=op.f("uq_listing_account_id_site_sku")),
        sa.UniqueConstraint("uid", name=op.f("uq_listing_uid")),
    )
    op.create_index(op.f("ix_listing_due_at"), "listing", ["due_at"], unique=False)
    op.create_index("ix_listing_shop_account", "listing", ["shop_id", "account_id", "sku", "id"], unique=False)
    op.create_index(
        "ix_listing_shop_sku",
        "listing",
        ["shop_id", "sku", "id"],
        unique=False,
        postgresql_ops={"sku": "text_pattern_ops"},
    )
    op.create_index("ix_listing_shop_status", "listing", ["shop_id", "status", "id"], unique=False)
    op.create_index(
        "ix_listing_urgent",
        "listing",
        ["due_at"],
        unique=False,
        sqlite_where=sa.text("urgent"),
        postgresql_where=sa.text("urgent"),
    )
    op.create_index(op.f("ix_listing_variant_id"), "listing", ["variant_id"], unique=False)
    op.create_table(
        "listing_feed",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("ticket", sa.String(length=255), nullable=False),
        sa.Column("messages", sa.Integer(), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        sa.Column("sent_at", shopapp.records.db.Moment(timezone=True), nullable=False),
        sa.Column("ended_at", shopapp.records.db.Moment(timezone=True), nullable=True),
        sa.Column("words", sa.String(length=500), nullable=False),
        sa.Column("due_at", shopapp.records.db.Moment(timezone=True), nullable=True),
        sa.Column("lease_token", sa.String(length=32), nullable=False),
        sa.Column("lease_until", shopapp.records.db.Moment(timezone=True), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_listing_feed_account_id")),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f("fk_listing_feed_shop_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_listing_feed")),
    )
    op.create_index(op.f("ix_listing_feed_due_at"), "listing_feed", ["due_at"], unique=False)
    op.create_index(op.f("ix_listing_feed_shop_id"), "listing_feed", ["shop_id"], unique=False)
    op.create_table(
        "listing_run",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uid", sa.String(length=32), nullable=False),
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.Column("ticket", sa.String(length=255), nullable=False),
        sa.Column("progress", sa.String(length=255), nullable=False),
        sa.Column("found", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        sa.Column("asked_by", sa.String(length=64), nullable=False),
        sa.Column("asked_at", shopapp.records.db.Moment(timezone=True), nullable=False),
        sa.Column("ended_at", shopapp.records.db.Moment(timezone=True), nullable=True),
        sa.Column("words", sa.String(length=500), nullable=False),
        sa.Column("due_at", shopapp.records.db.Moment(timezone=True), nullable=True),
        sa.Column("lease_token", sa.String(length=32), nullable=False),
        sa.Column("lease_until", shopapp.records.db.Moment(timezone=True), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_listing_run_account_id")),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f("fk_listing_run_shop_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_listing_run")),
        sa.UniqueConstraint("uid", name=op.f("uq_listing_run_uid")),
    )
    op.create_index(op.f("ix_listing_run_due_at"), "listing_run", ["due_at"], unique=False)
    op.create_index(op.f("ix_listing_run_shop_id"), "listing_run", ["shop_id"], unique=False)
    op.create_table(
        "sku_mapping",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=True),
        sa.Column("marketplace_sku", sa.String(length=255), nullable=False),
        sa.Column("store_sku", sa.String(length=255), nullable=False),
        sa.Column("created_at", shopapp.records.db.Moment(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_sku_mapping_account_id")),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f("fk_sku_mapping_shop_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sku_mapping")),
        sa.UniqueConstraint(
            "shop_id", "account_id", "marketplace_sku", name=op.f("uq_sku_mapping_shop_id_account_id_marketplace_sku")
        ),
    )
    op.create_index("ix_sku_mapping_shop_store", "sku_mapping", ["shop_id", "store_sku"], unique=False)
    op.create_index(
        "uq_sku_mapping_for_all",
        "sku_mapping",
        ["shop_id", "marketplace_sku"],
        unique=True,
        sqlite_where=sa.text("account_id IS NULL"),
        postgresql_where=sa.text("account_id IS NULL"),
    )
    op.create_table(
        "listing_push",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("listing_id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.Column("feed_id", sa.Integer(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("old_price_minor", sa.BigInteger(), nullable=True),
        sa.Column("old_quantity", sa.Integer(), nullable=True),
        sa.Column("price_minor", sa.BigInteger(), nullable=True),
        sa.Column("quantity", sa.Integer(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("at", shopapp.records.db.Moment(timezone=True), nullable=False),
        sa.Column("ended_at", shopapp.records.db.Moment(timezone=True), nullable=True),
        sa.Column("words", sa.String(length=500), nullable=False),
        sa.ForeignKeyConstraint(["feed_id"], ["listing_feed.id"], name=op.f("fk_listing_push_feed_id")),
        sa.ForeignKeyConstraint(["listing_id"], ["listing.id"], name=op.f("fk_listing_push_listing_id")),
        sa.ForeignKeyConstraint(["run_id"], ["listing_run.id"], name=op.f("fk_listing_push_run_id")),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f("fk_listing_push_shop_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_listing_push")),
        sa.UniqueConstraint("listing_id", "version", name=op.f("uq_listing_push_listing_id_version")),
    )
    op.create_index("ix_listing_push_feed", "listing_push", ["feed_id", "id"], unique=False)
    op.create_index("ix_listing_push_run", "listing_push", ["run_id", "id"], unique=False)
    op.create_index(op.f("ix_listing_push_shop_id"), "listing_push", ["shop_id"], unique=False)
    op.create_table(
        "shipment",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uid", sa.String(length=32), nullable=False),
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("fulfillment_gid", sa.String(length=64), nullable=False),
        sa.Column("fulfillment_name", sa.String(length=64), nullable=False),
        sa.Column("reference", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("tracking", sa.String(length=255), nullable=False),
        sa.Column("carrier", sa.String(length=100), nullable=False),
        sa.Column("lines", sa.JSON(), nullable=False),
        sa.Column("shipped_at", shopapp.records.db.Moment(timezone=True), nullable=False),
        sa.Column("heard_at", shopapp.records.db.Moment(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("sends", sa.Integer(), nullable=False),
        sa.Column("sent_at", shopapp.records.db.Moment(timezone=True), nullable=True),
        sa.Column("confirmed_at", shopapp.records.db.Moment(timezone=True), nullable=True),
        sa.Column("confirmed_how", sa.String(length=16), nullable=False),
        sa.Column("cause", sa.String(length=64), nullable=False),
        sa.Column("cause_params", sa.JSON(), nullable=False),
        sa.Column("cause_words", sa.String(length=500), nullable=False),
        sa.Column("due_at", shopapp.records.db.Moment(timezone=True), nullable=True),
        sa.Column("lease_token", sa.String(length=32), nullable=False),
        sa.Column("lease_until", shopapp.records.db.Moment(timezone=True), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_shipment_account_id")),
        sa.ForeignKeyConstraint(["order_id"], ["order.id"], name=op.f("fk_shipment_order_id")),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f("fk_shipment_shop_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shipment")),
        sa.UniqueConstraint("order_id", "key", name=op.f("uq_shipment_order_id_key")),
        sa.UniqueConstraint("uid", name=op.f("uq_shipment_uid")),
    )
    op.create_index(op.f("ix_shipment_due_at"), "shipment", ["due_at"], unique=False)
    op.create_index(op.f("ix_shipment_order_id"), "shipment", ["order_id"], unique=False)
    op.create_index("ix_shipment_shop_state", "shipment", ["shop_id", "state", "id"], unique=False)
    op.add_column("order_line", sa.Column("chosen_sku", sa.String(length=255), server_default="", nullable=False))


def downgrade() -> None:
    op.drop_column("order_line", "chosen_sku")
    op.drop_index("ix_shipment_shop_state", table_name="shipment")
    op.drop_index(op.f("ix_shipment_order_id"), table_name="shipment")
    op.drop_index(op.f("ix_shipment_due_at"), table_name="shipment")
    op.drop_table("shipment")
    op.drop_index(op.f("ix_listing_push_shop_id"), table_name="listing_push")
    op.drop_index("ix_listing_push_run", table_name="listing_push")
    op.drop_index("ix_listing_push_feed", table_name="listing_push")
    op.drop_table("listing_push")
    op.drop_index(
        "uq_sku_mapping_for_all",
        table_name="sku_mapping",
        sqlite_where=sa.text("account_id IS NULL"),
        postgresql_where=sa.text("account_id IS NULL"),
    )
    op.drop_index("ix_sku_mapping_shop_store", table_name="sku_mapping")
    op.drop_table("sku_mapping")
    op.drop_index(op.f("ix_listing_run_shop_id"), table_name="listing_run")
    op.drop_index(op.f("ix_listing_run_due_at"), table_name="listing_run")
    op.drop_table("listing_run")
    op.drop_index(op.f("ix_listing_feed_shop_id"), table_name="listing_feed")
    op.drop_index(op.f("ix_listing_feed_due_at"), table_name="listing_feed")
    op.drop_table("listing_feed")
    op.drop_index(op.f("ix_listing_variant_id"), table_name="listing")
    op.drop_index(
        "ix_listing_urgent", table_name="listing", sqlite_where=sa.text("urgent"), postgresql_where=sa.text("urgent")
    )
    op.drop_index("ix_listing_shop_status", table_name="listing")
    op.drop_index("ix_listing_shop_sku", table_name="listing", postgresql_ops={"sku": "text_pattern_ops"})
    op.drop_index("ix_listing_shop_account", table_name="listing")
    op.drop_index(op.f("ix_listing_due_at"), table_name="listing")
    op.drop_table("listing")
    op.drop_index(op.f("ix_account_rules_shop_id"), table_name="account_rules")
    op.drop_table("account_rules")
    op.drop_index("ix_variant_shop_sku", table_name="variant")
    op.drop_index("ix_variant_shop_item", table_name="variant")
    op.drop_index(op.f("ix_variant_product_gid"), table_name="variant")
    op.drop_index(op.f("ix_variant_due_at"), table_name="variant")
    op.drop_table("variant")
    op.drop_index(op.f("ix_shop_sweep_due_at"), table_name="shop_sweep")
    op.drop_table("shop_sweep")
