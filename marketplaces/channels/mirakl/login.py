"""What a seller types: the address of the marketplace, the key of the shop's user, and which shop if there are several."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from marketplaces.channel import Field
from marketplaces.channels.mirakl.calls import ADDRESS, SECRET, SHOP_ID
from marketplaces.data import Credentials
from marketplaces.login import Form

NOT_A_KEY = "This does not look like a key. Copy it whole, without a word before it."
FIELDS = (
    Field(
        ADDRESS,
        "Address of the marketplace",
        "The beginning of the address in your browser while you are logged in at the seller pages of the marketplace, "
        "for example https://name.mirakl.net.",
    ),
    Field(
        SECRET,
        "API key",
        "In the seller pages: your user name at the top right, My user settings, API key, Generate. A new key ends the old "
        "one.",
        secret=True,
    ),
    Field(
        SHOP_ID,
        "Shop ID",
        "Only if your user works for several shops: the number of the shop, in the seller pages under Settings.",
        required=False,
        pattern=r"[0-9]{1,18}",
    ),
)


def typed(values: Mapping[str, str], realm: str, now: datetime) -> Credentials:
    """Credentials for the instance `realm` as they were typed. ValueError(field, sentence)."""
    form = Form.read(FIELDS, values)
    key = form.values[SECRET]
    if not key.isascii() or not key.isprintable() or " " in key or not 8 <= len(key) <= 500:
        raise ValueError(SECRET, NOT_A_KEY)
    public = {ADDRESS: f"https://{realm}", "way": "typed"}
    shop = form.values[SHOP_ID].lstrip("0")
    return Credentials(secrets={SECRET: key}, public=public | ({SHOP_ID: shop} if shop else {}), authorised_at=now)
