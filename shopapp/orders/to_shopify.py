"""What Shopify is told: one stored order as the variables of `OrderCreate`. Pure; neither table nor network.

Amounts decide. `orderCreate` takes a price per unit and at most one discount code, so each line goes in at what the
buyer pays for it (discount taken off, tax taken off where it comes on top). Where that is not divisible by the
quantity, the line goes in as two whose unit prices differ by one minor unit: nothing is rounded away. A positive
rounding of the marketplace is a line of its own; a negative one is taken off the dearest line, because Shopify refuses
negative prices. `total_of` adds the variables up again, as Shopify will, and that must be the marketplace's total.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from marketplaces.data import Money, Order, OrderLine, ShippingLine, TaxLine
from marketplaces.errors import Rejected
from shopapp.orders import addresses

NAMESPACE = "$app"
REF_KEY = "marketplace_ref"
TAG_LENGTH = 40
# Not in Shopify's list of currencies (CurrencyCode, Admin 2026-10), though ISO 4217 has them.
NOT_IN_SHOPIFY = frozenset(("CLF", "CUP", "KPW", "SLE", "SVC", "UYI", "UYW", "ZWG"))
# Two clocks never agree, and Shopify refuses a moment that lies in its future.
CLOCK_MARGIN = timedelta(minutes=1)

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Making:
    """What else is needed to make an order.

    `variants` is one gid per line of the order; `rate` is units of `shop_currency` for one unit of the order's
    currency, None when the two are the same or no rate is known (then the order goes in in its own currency alone).
    """

    ref: str
    channel: str
    channel_name: str
    site_name: str
    variants: Sequence[str]
    shop_currency: str
    rate: Decimal | None
    backfill: bool
    now: datetime
    by_channel: bool = False  # the marketplace has shipped it


@dataclass(frozen=True, slots=True)
class _Purse:
    """Writes amounts: in the order's currency, and in the shop's beside it where they differ."""

    shop_currency: str
    rate: Decimal | None

    def bag(self, money: Money) -> Json:
        if self.rate is None:
            return {"shopMoney": _amount(money)}
        there = money.converted(self.rate, self.shop_currency)
        return {"shopMoney": _amount(there), "presentmentMoney": _amount(money)}


def variables(order: Order, making: Making) -> Json:
    """The variables of `OrderCreate`. Rejected(reason) when the order cannot be told without changing a sum."""
    if order.currency in NOT_IN_SHOPIFY:
        raise Rejected(order.currency, reason="unknown_currency", field="currency")
    if not order.lines:
        raise Rejected("the order has no lines", reason="no_lines", field="lines")
    rate = None if making.shop_currency in ("", order.currency) else making.rate
    purse = _Purse(making.shop_currency, rate)
    made = _order(order, making, purse)
    told = total_of(made)
    if told != order.total:
        words = f"lines and charges make {told}, the marketplace says {order.total}"
        raise Rejected(words, reason="totals_do_not_add_up", field="total")
    made["transactions"] = _transactions(order, making, made, purse)
    behaviour = "BYPASS" if making.backfill else "DECREMENT_IGNORING_POLICY"
    options = {"inventoryBehaviour": behaviour, "sendReceipt": False, "sendFulfillmentReceipt": False}
    return {"order": made, "options": options}


def total_of(made: Mapping[str, Any], *, shop_side: bool = False) -> Money:
    """What Shopify will show as the total of these variables' order, in the buyer's currency (or the shop's)."""
    side = "shopMoney" if shop_side else "presentmentMoney"
    total: Money | None = None
    for item in [*made["lineItems"], *made["shippingLines"]]:
        price = _read(item["priceSet"], side).times(item.get("quantity", 1))
        total = price if total is None else total + price
        if not made["taxesIncluded"]:
            for tax in item["taxLines"]:
                total += _read(tax["priceSet"], side)
    if total is None:
        raise ValueError("an order without lines has no total")
    return total


def _order(order: Order, making: Making, purse: _Purse) -> Json:
    here = making.shop_currency if purse.rate is not None else order.currency
    made: Json = {
        "currency": here,
        "presentmentCurrency": order.currency,
        "processedAt": _moment(min(order.created_at, making.now - CLOCK_MARGIN)),
        "financialStatus": "PAID",
        "taxesIncluded": order.taxes_included,
        "sourceIdentifier": order.order_id,
        "tags": tags(making.channel, making.site_name),
        "note": note(order, making),
        "customAttributes": _attributes(order, making),
        "metafields": [{"namespace": NAMESPACE, "key": REF_KEY, "type": "id", "value": making.ref}],
        "lineItems": _lines(order, making, purse),
        "shippingLines": [_charge(charge, making.channel, order.taxes_included, purse) for charge in order.charges],
    }
    if making.by_channel:
        made["fulfillmentStatus"] = "FULFILLED"
    if order.url.startswith(("https://", "http://")) and not any(mark in order.url for mark in ' "<>\\^`{|}'):
        made["sourceUrl"] = order.url
    if addresses.usable_email(order.buyer_email):
        made["email"] = order.buyer_email
    address = addresses.to_shopify(order.ship_to, order.buyer_name)
    if address:
        # The marketplaces tell no address of payment; Shopify's pages and carriers' apps want one.
        made["shippingAddress"] = address
        made["billingAddress"] = address
    return made


def tags(channel: str, site_name: str) -> list[str]:
    """Tags to filter by: the channel, and the channel's site (mp-amazon, mp-amazon-de)."""
    site = "-".join("".join(mark if mark.isalnum() else " " for mark in site_name.lower()).split())
    found = [f"mp-{channel}"]
    if site:
        found.append(f"mp-{site if site.startswith(channel) else f'{channel}-{site}'}")
    return [tag[:TAG_LENGTH] for tag in dict.fromkeys(found)]


def note(order: Order, making: Making) -> str:
    """The note that the shop's staff reads on the order."""
    return f"{making.site_name or making.channel_name} {order.order_id}"


def _attributes(order: Order, making: Making) -> list[Json]:
    shown = {"Marketplace": making.site_name or making.channel_name, "Marketplace order": order.order_id}
    if order.ship_by is not None:
        shown["Ship by"] = _moment(order.ship_by)
    if order.flags:
        shown["Marketplace notes"] = ", ".join(order.flags)
    shown |= order.attributes
    return [{"key": key[:255], "value": value[:255]} for key, value in shown.items() if key and value]


def _transactions(order: Order, making: Making, made: Json, purse: _Purse) -> list[Json]:
    if order.total.minor <= 0:
        return []
    paid = {"shopMoney": _amount(order.total)}
    if purse.rate is not None:
        # The shop's side is the sum of converted parts, so that the order owes nothing.
        paid = {"shopMoney": _amount(total_of(made, shop_side=True)), "presentmentMoney": _amount(order.total)}
    gateway = making.channel_name
    return [
        {"kind": "SALE", "status": "SUCCESS", "gateway": gateway, "amountSet": paid, "processedAt": made["processedAt"]}
    ]


def _net(total: Money, taxes: Sequence[TaxLine], included: bool) -> Money:
    """A position without the tax that Shopify will add to it."""
    if not included:
        for tax in taxes:
            total -= tax.amount
    return total


def _lines(order: Order, making: Making, purse: _Purse) -> list[Json]:
    nets = [_net(line.total, line.taxes, order.taxes_included) for line in order.lines]
    rounding = order.rounding or Money.zero(order.currency)
    if rounding.minor < 0:
        dearest = max(range(len(nets)), key=lambda at: nets[at].minor)
        nets[dearest] += rounding
    made: list[Json] = []
    for line, net, variant in zip(order.lines, nets, making.variants, strict=True):
        made += _line(line, net, variant, purse)
    if rounding.minor > 0:
        made.append(
            {
                "title": "Rounding",
                "quantity": 1,
                "requiresShipping": False,
                "taxable": False,
                "priceSet": purse.bag(rounding),
                "taxLines": [],
            }
        )
    return made


def _line(line: OrderLine, net: Money, variant: str, purse: _Purse) -> list[Json]:
    if line.quantity < 1 or net.minor < 0:
        raise Rejected(f"{line.sku}: {line.quantity} x {net}", reason="bad_amount", field="lines")
    floor, rest = divmod(net.minor, line.quantity)
    parts = [(line.quantity - rest, floor), (rest, floor + 1)] if rest else [(line.quantity, floor)]
    left = [tax.amount for tax in line.taxes]
    made = []
    for at, (quantity, unit) in enumerate(parts):
        last = at == len(parts) - 1
        taxes = []
        for which, tax in enumerate(line.taxes):
            share = left[which] if last else Money(_share(tax.amount.minor, quantity, line.quantity), net.currency)
            left[which] -= share
            taxes.append(_tax(tax, share, purse))
        made.append(
            {
                "variantId": variant,
                "quantity": quantity,
                "sku": line.sku,
                "requiresShipping": True,
                "taxable": bool(line.taxes),
                "priceSet": purse.bag(Money(unit, net.currency)),
                "taxLines": taxes,
                "properties": [{"name": "_marketplace_line", "value": line.line_id}],
            }
        )
    return made


def _share(minor: int, quantity: int, of: int) -> int:
    """The part of an amount that falls on `quantity` of `of` units, towards zero."""
    return int(Decimal(minor * quantity) / of)


def _charge(charge: ShippingLine, channel: str, included: bool, purse: _Purse) -> Json:
    net = _net(charge.total, charge.taxes, included)
    if net.minor < 0:
        raise Rejected(f"{charge.title}: {net}", reason="bad_amount", field="charges")
    return {
        "title": charge.title or "Shipping",
        "code": charge.code or charge.title or "shipping",
        "source": channel,
        "priceSet": purse.bag(net),
        "taxLines": [_tax(tax, tax.amount, purse) for tax in charge.taxes],
    }


def _tax(tax: TaxLine, amount: Money, purse: _Purse) -> Json:
    if amount.minor < 0 or tax.rate < 0:
        raise Rejected(f"{tax.title}: {amount}", reason="bad_amount", field="taxes")
    return {
        "title": tax.title or "Tax",
        "rate": format(tax.rate, "f"),
        "channelLiable": tax.channel_liable,
        "priceSet": purse.bag(amount),
    }


def _amount(money: Money) -> Json:
    return {"amount": str(money.decimal), "currencyCode": money.currency}


def _read(bag: Mapping[str, Any], side: str) -> Money:
    amount = bag.get(side) or bag["shopMoney"]
    return Money.parse(amount["amount"], amount["currencyCode"])


def _moment(when: datetime) -> str:
    return when.isoformat(timespec="seconds").replace("+00:00", "Z")
