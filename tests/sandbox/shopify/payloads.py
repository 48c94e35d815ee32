"""Owns what stands in webhook messages: REST shapes, cut to what an app may look at."""

from tests.sandbox.shopify.state import PLANS, Record, Shop, number_of


def shop(one: Shop) -> Record:
    """The Shop resource of shop/update and app/uninstalled."""
    data = one.data
    return {
        "id": data["id"],
        "name": data["title"],
        "email": data["email"],
        "customer_email": data["contact_email"],
        "domain": one.domain,
        "myshopify_domain": one.domain,
        "currency": data["currency"],
        "iana_timezone": data["timezone"],
        "primary_locale": data["locale"],
        "country_code": data["country"],
        "taxes_included": data["taxes_included"],
        "plan_display_name": PLANS[data["plan"]]["name"],
        "created_at": data["created_at"],
    }


def product(one: Shop, product_id: str) -> Record:
    """The Product resource of products/create and products/update."""
    record = one.catalogue["products"][product_id]
    variants = [variant for variant in one.catalogue["variants"].values() if variant["product_id"] == product_id]
    return {
        "id": number_of(product_id),
        "admin_graphql_api_id": product_id,
        "title": record["title"],
        "status": record["status"].lower(),
        "updated_at": record["updated_at"],
        "variants": [
            {
                "id": number_of(variant["id"]),
                "admin_graphql_api_id": variant["id"],
                "product_id": number_of(product_id),
                "sku": variant["sku"],
                "price": variant["price"],
                "inventory_item_id": number_of(variant["item_id"]),
            }
            for variant in variants
        ],
    }


def default(one: Shop, topic: str) -> Record:
    """A message of that topic with nothing particular to say."""
    named = {"shop_id": one.data["id"], "shop_domain": one.domain}
    customer = {"id": 191_167, "email": "buyer@example.com", "phone": None}
    numbers = [number_of(order_id) for order_id in one.orders]
    match topic:
        case "customers/data_request":
            return named | {"orders_requested": numbers, "customer": customer, "data_request": {"id": 9_999}}
        case "customers/redact":
            return named | {"customer": customer, "orders_to_redact": numbers}
        case "shop/redact":
            return named
    return shop(one)
