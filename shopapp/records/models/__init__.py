"""The tables, one noun a file. Every column is marked personal or not (see `records.db.personal` and `plain`)."""

from shopapp.records.models.account import Account, AccountSite, AccountStatus, ChannelOutage
from shopapp.records.models.alert import (
    Category,
    InboxMessage,
    Incident,
    Mail,
    MailState,
    NotificationChoice,
    Severity,
)
from shopapp.records.models.chore import Chore
from shopapp.records.models.count import CountRound, DayCount, DayState
from shopapp.records.models.listing import (
    Listing,
    ListingFeed,
    ListingPush,
    ListingRun,
    ListingStatus,
    PushState,
    RunKind,
    RunState,
    Variant,
)
from shopapp.records.models.login import LoginAttempt, LoginDoor
from shopapp.records.models.order import Backfill, HeldReason, Order, OrderLine, OrderState, PriorImport
from shopapp.records.models.plan import FxRate, UsageEntry
from shopapp.records.models.rules import AccountRules, Restock
from shopapp.records.models.shipment import Shipment, ShipmentState
from shopapp.records.models.shop import Shop, ShopStatus
from shopapp.records.models.sku import SkuMapping, SkuUpload
from shopapp.records.models.sweep import ShopSweep, SweepKind
from shopapp.records.models.tally import OrderSlot, OrderTally
from shopapp.records.models.trail import AuditEntry, JournalEntry, Receipt

__all__ = [
    "Account",
    "AccountRules",
    "AccountSite",
    "AccountStatus",
    "AuditEntry",
    "Backfill",
    "Category",
    "ChannelOutage",
    "Chore",
    "CountRound",
    "DayCount",
    "DayState",
    "FxRate",
    "HeldReason",
    "InboxMessage",
    "Incident",
    "JournalEntry",
    "Listing",
    "ListingFeed",
    "ListingPush",
    "ListingRun",
    "ListingStatus",
    "LoginAttempt",
    "LoginDoor",
    "Mail",
    "MailState",
    "NotificationChoice",
    "Order",
    "OrderLine",
    "OrderSlot",
    "OrderState",
    "OrderTally",
    "PriorImport",
    "PushState",
    "Receipt",
    "Restock",
    "RunKind",
    "RunState",
    "Severity",
    "Shipment",
    "ShipmentState",
    "Shop",
    "ShopStatus",
    "ShopSweep",
    "SkuMapping",
    "SkuUpload",
    "SweepKind",
    "UsageEntry",
    "Variant",
]

from shopapp.records import tallies as _tallies  # noqa: F401  # whoever changes orders counts them
