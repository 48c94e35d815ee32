"""Owns invented buyers and addresses by country. Example data: no real person, no real household."""

from typing import Any

BUYERS = {
    "DE": ["Mia Beispiel", "Jonas Muster", "Änne Großmann-Test", "Özlem Probe"],
    "GB": ["Alex Sample", "Robin Example", "Sam O'Test"],
    "US": ["Jordan Sample", "Taylor Example", "Casey Test Jr."],
    "JP": ["見本 花子", "例 太郎"],
}
ADDRESSES: dict[str, dict[str, str]] = {
    "DE": {"addressLine1": "Musterweg 12", "city": "Musterstadt", "postalCode": "12345"},
    "GB": {"addressLine1": "1 Example Street", "addressLine2": "Flat 2", "city": "Sampleton", "postalCode": "ZZ99 3WZ"},
    "US": {"addressLine1": "100 Sample Ave", "city": "Exampleville", "stateOrRegion": "WA", "postalCode": "00000"},
    "JP": {"addressLine1": "見本町1-2-3", "city": "例市", "stateOrRegion": "東京都", "postalCode": "000-0000"},
}
ELSEWHERE = {"addressLine1": "12 Example Road", "city": "Sampletown", "postalCode": "00000"}
PHONES = {"DE": "+49 30 23125 000", "GB": "+44 20 7946 0000", "US": "+1 206 555 0100"}
STORE = {"name": "Example Pickup Point", "companyName": "Example Store", "addressType": "COMMERCIAL"}


def buyer(country: str, number: int) -> str:
    """The name of the buyer of the order with that number."""
    names = BUYERS.get(country, BUYERS["GB"])
    return names[number % len(names)]


def address(country: str, name: str) -> dict[str, Any]:
    """A CustomerAddress; every field of it is made up. Japan has no phone, as often happens."""
    place = ADDRESSES.get(country, ELSEWHERE)
    found: dict[str, Any] = {"name": name, **place, "countryCode": country, "addressType": "RESIDENTIAL"}
    if country in PHONES:
        found["phone"] = PHONES[country]
    return found
