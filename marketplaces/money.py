"""Money: integer minor units and an ISO 4217 currency. The only place that turns decimal text into money and back."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

# ISO 4217 exponents that differ from 2 (source: ISO 4217 list one, minor units column).
_NONE = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE = "BHD IQD JOD KWD LYD OMR TND"
_FOUR = "CLF UYW"
_EXPONENTS = {
    **dict.fromkeys(_NONE.split(), 0),
    **dict.fromkeys(_THREE.split(), 3),
    **dict.fromkeys(_FOUR.split(), 4),
}
_REST = (
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY "
    "COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS "
    "INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR "
    "MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD "
    "SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD YER ZAR ZMW ZWG "
)
_TWO = frozenset(_REST.split())


def exponent(currency: str) -> int:
    """Digits after the point of `currency` (ISO 4217); ValueError for a code that is not on the list."""
    if currency in _EXPONENTS:
        return _EXPONENTS[currency]
    if currency in _TWO:
        return 2
    raise ValueError(f"unknown currency {currency[:8]!r}")


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """`minor` units of `currency`: Money(1990, "EUR") is 19.90 euro. Arithmetic refuses mixed currencies."""

    minor: int
    currency: str

    @classmethod
    def parse(cls, amount: str | int | Decimal, currency: str) -> Money:
        """From decimal text ("19.90"). ValueError when it is no plain number or has more digits than the currency."""
        digits = exponent(currency)
        if isinstance(amount, bool) or not isinstance(amount, (str, int, Decimal)):
            raise ValueError(f"not an amount: {type(amount).__name__}")
        try:
            value = Decimal(amount.strip() if isinstance(amount, str) else amount)
        except InvalidOperation:
            raise ValueError(f"not an amount: {str(amount)[:40]!r}") from None
        # By the place of its first digit: to reckon with 1E+9999999 would fail, and every database holds eighteen digits.
        if not value.is_finite() or not -100 <= value.adjusted() < min(15, 18 - digits):
            raise ValueError(f"not a usable amount: {str(amount)[:40]!r}")
        minor = value.scaleb(digits)
        if minor != minor.to_integral_value():
            raise ValueError(f"{str(amount)[:40]} has more digits than {currency} allows ({digits})")
        return cls(int(minor), currency)

    @classmethod
    def zero(cls, currency: str) -> Money:
        """Nothing, in `currency`."""
        return cls(0, currency)

    @property
    def decimal(self) -> Decimal:
        """The amount in major units, with all digits of the currency."""
        return Decimal(self.minor).scaleb(-exponent(self.currency))

    def __str__(self) -> str:
        return f"{self.decimal} {self.currency}"

    def _same(self, other: Money) -> None:
        if self.currency != other.currency:
            raise ValueError(f"mixed currencies {self.currency} and {other.currency}")

    def __add__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.minor + other.minor, self.currency)

    def __sub__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.minor - other.minor, self.currency)

    def __neg__(self) -> Money:
        return Money(-self.minor, self.currency)

    def times(self, quantity: int) -> Money:
        """The amount taken `quantity` times."""
        return Money(self.minor * quantity, self.currency)

    def converted(self, rate: Decimal, currency: str) -> Money:
        """This amount at `rate` (units of `currency` per unit of ours), rounded half up to the minor unit."""
        value = (self.decimal * rate).scaleb(exponent(currency)).to_integral_value(rounding=ROUND_HALF_UP)
        return Money(int(value), currency)


def derived_rate(tax: int, base: int) -> Decimal:
    """tax / base (minor units) as a fraction with the fewest digits, 4 to 6, that give the tax again; 0 without a base."""
    if base <= 0:
        return Decimal(0)
    exact = Decimal(tax) / Decimal(base)
    for digits in (4, 5, 6):
        found = exact.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP)
        if (found * base).to_integral_value(rounding=ROUND_HALF_UP) == tax:
            return found
    return found
