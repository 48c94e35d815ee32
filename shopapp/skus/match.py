"""Asks Shopify which variants carry a SKU. Exact to the character; several hits are told, never chosen from.

Shopify's index ignores case and matches by words, so "A-1" also finds "a-1" and "A-1-XL": every hit is compared again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from marketplaces.errors import Transient
from shopapp.shopify_admin.client import Admin

BATCH = 50  # SKUs in one question
PAGE = 250
PAGES = 20  # a question whose answer is longer than 5,000 variants is nonsense


@dataclass(frozen=True, slots=True)
class Variant:
    """A variant of the shop that carries the SKU."""

    gid: str
    title: str


@dataclass(frozen=True, slots=True)
class Match:
    """What a SKU means in the shop: nothing, exactly one variant, or several (which is an error of the catalogue)."""

    variants: tuple[Variant, ...] = ()

    @property
    def one(self) -> Variant | None:
        """The variant, if there is exactly one."""
        return self.variants[0] if len(self.variants) == 1 else None


def match(admin: Admin, skus: Iterable[str]) -> dict[str, Match]:
    """A Match for every SKU asked for (empty ones match nothing). One call for 50; Shopify's errors pass through."""
    wanted = sorted({sku for sku in skus if sku})
    found: dict[str, list[Variant]] = {sku: [] for sku in wanted}
    for at in range(0, len(wanted), BATCH):
        for sku, variant in _hits(admin, wanted[at : at + BATCH]):
            if sku in found and variant not in found[sku]:
                found[sku].append(variant)
    return {sku: Match(tuple(variants)) for sku, variants in found.items()}


def question(skus: Iterable[str]) -> str:
    """The search for these SKUs, quoted and escaped."""
    return " OR ".join("sku:'" + sku.replace("\\", "\\\\").replace("'", "\\'") + "'" for sku in skus)


def _hits(admin: Admin, skus: list[str]) -> Iterator[tuple[str, Variant]]:
    variables: dict[str, object] = {"q": question(skus), "first": PAGE}
    for _ in range(PAGES):
        page = admin.run("VariantsBySku", variables)["productVariants"]
        for node in page["nodes"]:
            title = str(node.get("displayName") or node.get("title") or "")
            yield str(node.get("sku") or ""), Variant(str(node["id"]), title[:255])
        if not page["pageInfo"]["hasNextPage"]:
            return
        variables["after"] = page["pageInfo"]["endCursor"]
    raise Transient("the search for SKUs does not end", call="VariantsBySku")
