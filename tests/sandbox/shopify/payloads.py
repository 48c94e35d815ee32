"""Owns what stands in webhook messages: REST shapes, cut to what an app may look at."""

from tests.sandbox.shopify.state import PLANS, Record, Shop, gid, number_of


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
    record = one.catalogue.products[product_id]
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
                "title": variant["title"],
                "sku": variant["sku"],
                "price": variant["price"],
                "inventory_policy": variant["policy"].lower(),
                "inventory_item_id": number_of(variant["item_id"]),
                "inventory_quantity": sum(level["available"] for level in variant["levels"].values()),
                "updated_at": variant.get("updated_at") or record["updated_at"],
            }
            for variant in one.catalogue.of_product(product_id)
        ],
    }


def gone(global_id: str) -> Record:
    """What products/delete and inventory_items/delete say: the number alone."""
    return {"id": number_of(global_id)}


def item(variant: Record) -> Record:
    """The InventoryItem resource of inventory_items/update."""
    return {
        "id": number_of(variant["item_id"]),
        "sku": variant["sku"],
        "updated_at": variant.get("updated_at"),
        "requires_shipping": variant["requires_shipping"],
        "cost": None,
        "country_code_of_origin": None,
        "harmonized_system_code": None,
        "tracked": variant["tracked"],
        "admin_graphql_api_id": variant["item_id"],
    }


def level(variant: Record, place: str) -> Record:
    """The InventoryLevel resource of inventory_levels/update."""
    held = variant["levels"][place]
    return {
        "inventory_item_id": number_of(variant["item_id"]),
        "location_id": number_of(place),
        "available": held["available"] if variant["tracked"] else None,
        "updated_at": held.get("updated_at"),
        "admin_graphql_api_id": level_id(variant, place),
    }


def level_id(variant: Record, place: str) -> str:
    """The global id of what an item holds at a location."""
    return gid("InventoryLevel", f"{number_of(place)}?inventory_item_id={number_of(variant['item_id'])}")


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
        case "inventory_levels/update" | "inventory_items/update" | "inventory_items/delete" | "products/delete":
            return {"id": 1, "inventory_item_id": 1, "location_id": 1, "available": 0}
    return shop(one)
