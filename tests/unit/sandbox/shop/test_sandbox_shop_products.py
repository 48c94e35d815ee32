"""What the stand-in keeps of products and stock, who is told of a change, and very many products at once."""

import json

from tests.sandbox.shopify.client import until


def told(receiver, shop, topic, count=1):
    found = until(lambda: one if len(one := receiver.of(shop, topic)) >= count else None)
    return [json.loads(body) for _, _, body in found]


def nodes(shop, operation, *ids):
    answer = shop.run(operation, ids=list(ids))
    assert "errors" not in answer, answer
    return answer["data"]["nodes"]


def two_places(shop):
    shop.settings(locations=[{"name": "Front"}, {"name": "Back"}, {"name": "Closed", "active": False}])
    return [one["id"] for one in shop.look()["locations"]]


def test_a_variant_is_read_with_its_price_and_what_each_place_holds(shop):
    front, back, closed = two_places(shop)
    made = shop.product(sku="A-1", title="Lamp", price="12.5", available=7)
    shop.control("variants/sku:A-1", {"levels": {back: 3, closed: 9}}, "PATCH")
    variant, unknown = nodes(shop, "VariantsForListing", made["variant_id"], "gid://shopify/ProductVariant/1")
    assert unknown is None
    assert (variant["sku"], variant["price"], variant["product"]["status"]) == ("A-1", "12.50", "ACTIVE")
    assert variant["inventoryItem"]["tracked"] is True
    levels = {
        one["location"]["id"]: one["quantities"][0]["quantity"]
        for one in variant["inventoryItem"]["inventoryLevels"]["nodes"]
    }
    assert levels == {front: 7, back: 3}  # a closed place sells nothing and is not shown


def test_products_lead_to_their_variants(shop):
    made = shop.product(sku="A-1", available=4)
    sibling = shop.product(sku="A-2", product_id=made["product_id"])
    product = nodes(shop, "VariantsOfProducts", made["product_id"])[0]
    assert [one["id"] for one in product["variants"]["nodes"]] == [made["variant_id"], sibling["variant_id"]]


def test_a_change_of_stock_is_told_with_the_numbers_of_item_and_place(shop, receiver):
    made = shop.product(sku="A-1")
    shop.control("variants/sku:A-1", {"available": 3}, "PATCH")
    message = told(receiver, shop, "inventory_levels/update")[0]
    place = shop.look()["locations"][0]["id"]
    assert made["inventory_item_id"].endswith(f"/{message['inventory_item_id']}")
    assert place.endswith(f"/{message['location_id']}")
    assert message["available"] == 3


def test_an_imported_order_lowers_the_stock_and_that_is_told(shop, receiver):
    made = shop.product(sku="A-1", available=5)
    line = {"variantId": made["variant_id"], "quantity": 2}
    shop.create(lineItems=[line, dict(line)], options={"inventoryBehaviour": "DECREMENT_IGNORING_POLICY"})
    messages = told(receiver, shop, "inventory_levels/update")
    assert [one["available"] for one in messages] == [1]  # one message for both lines
    order = shop.look()["orders"][0]["id"].rsplit("/", 1)[-1]
    shop.control(f"orders/{order}/cancel", {"restock": True})
    assert [one["available"] for one in told(receiver, shop, "inventory_levels/update", 2)] == [1, 5]


def test_an_order_that_leaves_stock_alone_tells_nothing(shop, receiver):
    made = shop.product(sku="A-1", available=5)
    shop.create(lineItems=[{"variantId": made["variant_id"], "quantity": 2}])
    shop.control("variants/sku:A-1", {"available": 4}, "PATCH")
    assert [one["available"] for one in told(receiver, shop, "inventory_levels/update")] == [4]


def test_a_changed_sku_is_told_of_the_item_and_of_the_product(shop, receiver):
    shop.product(sku="A-1")
    shop.control("variants/sku:A-1", {"sku": "B-1"}, "PATCH")
    assert told(receiver, shop, "inventory_items/update")[0]["sku"] == "B-1"
    assert told(receiver, shop, "products/update")[0]["variants"][0]["sku"] == "B-1"


def test_a_deleted_product_is_gone_and_told_with_its_number_alone(shop, receiver):
    made = shop.product(sku="A-1")
    shop.control("variants/sku:A-1", {}, "DELETE")
    assert told(receiver, shop, "products/delete") == [{"id": int(made["product_id"].rsplit("/", 1)[-1])}]
    assert told(receiver, shop, "inventory_items/delete")[0]["id"]
    wanted = (made["variant_id"], made["product_id"], made["inventory_item_id"])
    assert nodes(shop, "VariantsForListing", *wanted) == [None, None, None]
    assert shop.run("VariantsBySku", q="sku:'A-1'")["data"]["productVariants"]["nodes"] == []


def test_a_product_that_loses_one_of_two_variants_is_updated(shop, receiver):
    made = shop.product(sku="A-1")
    shop.product(sku="A-2", product_id=made["product_id"])
    shop.control("variants/sku:A-1", {}, "DELETE")
    changed = told(receiver, shop, "products/update", 2)[-1]
    assert [one["sku"] for one in changed["variants"]] == ["A-2"]


def test_a_shop_without_the_right_to_see_stock_is_refused(shop):
    made = shop.product(sku="A-1")
    shop.settings(scopes_granted=["read_products"])
    answer = shop.run("VariantsForListing", ids=[made["variant_id"]])
    assert {one["extensions"]["code"] for one in answer["errors"]} == {"ACCESS_DENIED"}


def test_a_topic_the_configuration_does_not_name_never_arrives(shop, receiver, shared_sandbox, tmp_path):
    settings = shared_sandbox.world.settings
    before, settings.app_toml = settings.app_toml, str(tmp_path / "other.toml")
    text = '[[webhooks.subscriptions]]\ntopics = ["products/create"]\ninclude_fields = ["id", "variants.sku"]\n'
    (tmp_path / "other.toml").write_text(text)
    try:
        shop.product(sku="A-1")
        shop.control("variants/sku:A-1", {"available": 3}, "PATCH")
        shop.control("webhooks", {"topic": "shop/update"})
        told(receiver, shop, "shop/update")
    finally:
        settings.app_toml = before
    assert [one[1]["x-shopify-topic"] for one in receiver.of(shop)] == ["products/create", "shop/update"]
    created = told(receiver, shop, "products/create")[0]
    assert created == {"id": created["id"], "variants": [{"sku": "A-1"}]}


def test_two_hundred_thousand_products_cost_nothing_until_one_is_changed(shop, receiver):
    made = shop.control("products", {"count": 200_000, "prefix": "BULK-", "price": "9.90", "available": 5})
    assert made["count"] == 200_000
    found = shop.run("VariantsBySku", q="sku:'bulk-000001' OR sku:'BULK-200000' OR sku:'BULK-200001'")
    variants = found["data"]["productVariants"]["nodes"]
    assert [one["sku"] for one in variants] == ["BULK-000001", "BULK-200000"]
    shop.control("variants/sku:BULK-200000", {"available": 1}, "PATCH")
    assert told(receiver, shop, "inventory_levels/update")[0]["available"] == 1
    first, last = nodes(shop, "VariantsForListing", *(one["id"] for one in variants))
    levels = [one["inventoryItem"]["inventoryLevels"]["nodes"][0]["quantities"][0] for one in (first, last)]
    assert [one["quantity"] for one in levels] == [5, 1]
    assert [one["sku"] for one in shop.look()["products"]] == ["BULK-200000"]
    shop.control("variants/sku:BULK-000001", {}, "DELETE")
    assert nodes(shop, "VariantsForListing", first["id"]) == [None]


def test_products_survive_a_restart(start, http_session):
    from tests.sandbox.shopify.client import ShopClient
    from tests.unit.sandbox.shop.conftest import APP

    with start() as running:
        shop = ShopClient(running.url, http_session, {"name": "kept", "index_lag_seconds": 0}, APP).install()
        shop.control("products", {"count": 1000})
        shop.control("variants/sku:BULK-000007", {"available": 1}, "PATCH")
    with start() as running:
        shop.url = running.url
        ids = [
            shop.session.get(f"{shop.url}/_sandbox/shops/kept/variants/sku:BULK-00000{n}", timeout=10).json()
            for n in (7, 8)
        ]
        assert [one["available"] for one in ids] == [1, 10]
        found = nodes(shop, "VariantsForListing", *(one["variant_id"] for one in ids))
        assert [one["sku"] for one in found] == ["BULK-000007", "BULK-000008"]
