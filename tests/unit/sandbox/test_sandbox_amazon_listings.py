"""searchListingsItems answers the token's own seller and nobody else."""

from tests.unit.sandbox.seat import DE, Amazon, Json, denied, error_of, invalid_input

PATH = "/listings/2021-08-01/items"


def test_only_the_tokens_own_seller_gets_a_list(amazon: Amazon, seller: Json, token: str) -> None:
    mine = amazon.call(token, f"{PATH}/{seller['seller_id']}", marketplaceIds=DE, pageSize="1")
    assert (mine.status_code, mine.json()) == (200, {"numberOfResults": 0, "items": []})
    other = amazon.seller(marketplaces=[DE])
    assert error_of(amazon.call(token, f"{PATH}/{other['seller_id']}", marketplaceIds=DE)) == denied("")


def test_a_list_needs_one_marketplace_and_a_sane_page(amazon: Amazon, seller: Json, token: str) -> None:
    path = f"{PATH}/{seller['seller_id']}"
    assert invalid_input(amazon.call(token, path))
    assert invalid_input(amazon.call(token, path, marketplaceIds=DE, pageSize="21"))


def test_a_list_has_a_usage_plan_of_its_own(amazon: Amazon, seller: Json, token: str) -> None:
    path = f"{PATH}/{seller['seller_id']}"
    statuses = [amazon.call(token, path, marketplaceIds=DE).status_code for _ in range(6)]
    assert statuses == [200] * 5 + [429]
