"""Owns the list of marketplaces and regions (a seller's authorisation counts in one region)."""

from typing import NamedTuple

REGIONS = {"eu": "Europe", "na": "North America", "fe": "Far East"}


class Marketplace(NamedTuple):
    """One site. `language` in Amazon's form, as in en_GB."""

    region: str
    name: str
    country: str
    currency: str
    language: str

    @property
    def domain(self) -> str:
        """The shop's address for buyers."""
        return "www." + self.name.lower()


MARKETPLACES = {
    "A1PA6795UKMFR9": Marketplace("eu", "Amazon.de", "DE", "EUR", "de_DE"),
    "A1F83G8C2ARO7P": Marketplace("eu", "Amazon.co.uk", "GB", "GBP", "en_GB"),
    "A13V1IB3VIYZZH": Marketplace("eu", "Amazon.fr", "FR", "EUR", "fr_FR"),
    "APJ6JRA9NG5V4": Marketplace("eu", "Amazon.it", "IT", "EUR", "it_IT"),
    "A1RKKUPIHCS9HS": Marketplace("eu", "Amazon.es", "ES", "EUR", "es_ES"),
    "A1805IZSGTT6HS": Marketplace("eu", "Amazon.nl", "NL", "EUR", "nl_NL"),
    "A2NODRKZP88ZB9": Marketplace("eu", "Amazon.se", "SE", "SEK", "sv_SE"),
    "A1C3SOZRARQ6R3": Marketplace("eu", "Amazon.pl", "PL", "PLN", "pl_PL"),
    "AMEN7PMS3EDWL": Marketplace("eu", "Amazon.com.be", "BE", "EUR", "nl_BE"),
    "A28R8C7NBKEWEA": Marketplace("eu", "Amazon.ie", "IE", "EUR", "en_IE"),
    "A33AVAJ2PDY3EV": Marketplace("eu", "Amazon.com.tr", "TR", "TRY", "tr_TR"),
    "ATVPDKIKX0DER": Marketplace("na", "Amazon.com", "US", "USD", "en_US"),
    "A2EUQ1WTGCTBG2": Marketplace("na", "Amazon.ca", "CA", "CAD", "en_CA"),
    "A1AM78C64UM0Y8": Marketplace("na", "Amazon.com.mx", "MX", "MXN", "es_MX"),
    "A2Q3Y263D00KWC": Marketplace("na", "Amazon.com.br", "BR", "BRL", "pt_BR"),
    "A1VC38T7YXB528": Marketplace("fe", "Amazon.co.jp", "JP", "JPY", "ja_JP"),
    "A39IBJ37TRP1C6": Marketplace("fe", "Amazon.com.au", "AU", "AUD", "en_AU"),
    "A19VAU5U5O7RUS": Marketplace("fe", "Amazon.sg", "SG", "SGD", "en_SG"),
}

USUAL = {"eu": "A1PA6795UKMFR9", "na": "ATVPDKIKX0DER", "fe": "A1VC38T7YXB528"}
