"""The app's documents against Shopify's full Admin schema."""

import pytest

from tests.sandbox.schema import prune

pytestmark = pytest.mark.contracts


@pytest.fixture(scope="module")
def contract():
    path = prune.contract_path()
    assert path is not None
    return prune.load_contract(path)


def test_every_operation_is_valid_and_uses_nothing_deprecated(contract):
    assert prune.faults_of(contract, prune.read_operations()) == []


def test_the_committed_subset_is_what_a_fresh_cut_gives(contract):
    assert prune.SUBSET.read_text("utf-8") == prune.prune(contract, prune.read_operations().values())


def test_a_field_that_shopify_does_not_know_is_reported(contract):
    document = prune.parse("query Wrong { shop { id colour } }")
    assert prune.faults_of(contract, {"Wrong": document}) == ["Wrong: Cannot query field 'colour' on type 'Shop'."]
