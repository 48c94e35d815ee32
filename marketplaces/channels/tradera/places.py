"""The countries that Tradera names in words, as ISO 3166 codes. Data only.

Tradera ships from Sweden mostly, and names countries in Swedish; English and German names are understood as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_NAMES: Mapping[str, str] = {
    "AD": "Andorra",
    "AE": "Förenade Arabemiraten|United Arab Emirates|Vereinigte Arabische Emirate",
    "AL": "Albanien|Albania",
    "AR": "Argentina|Argentinien",
    "AT": "Österrike|Austria|Österreich",
    "AU": "Australien|Australia",
    "AX": "Åland|Åland Islands|Ålandinseln",
    "BA": "Bosnien och Hercegovina|Bosnien-Hercegovina|Bosnia and Herzegovina|Bosnien und Herzegowina",
    "BE": "Belgien|Belgium",
    "BG": "Bulgarien|Bulgaria",
    "BR": "Brasilien|Brazil",
    "CA": "Kanada|Canada",
    "CH": "Schweiz|Switzerland",
    "CL": "Chile",
    "CN": "Kina|China",
    "CY": "Cypern|Cyprus|Zypern",
    "CZ": "Tjeckien|Tjeckiska republiken|Czechia|Czech Republic|Tschechien",
    "DE": "Tyskland|Germany|Deutschland",
    "DK": "Danmark|Denmark|Dänemark",
    "EE": "Estland|Estonia",
    "ES": "Spanien|Spain",
    "FI": "Finland|Finnland",
    "FO": "Färöarna|Faroe Islands|Färöer",
    "FR": "Frankrike|France|Frankreich",
    "GB": "Storbritannien|England|Skottland|Wales|Nordirland|United Kingdom|Great Britain|UK|Großbritannien"
    "|Vereinigtes Königreich",
    "GL": "Grönland|Greenland",
    "GR": "Grekland|Greece|Griechenland",
    "HK": "Hongkong|Hong Kong",
    "HR": "Kroatien|Croatia",
    "HU": "Ungern|Hungary|Ungarn",
    "IE": "Irland|Ireland",
    "IL": "Israel",
    "IN": "Indien|India",
    "IS": "Island|Iceland",
    "IT": "Italien|Italy",
    "JP": "Japan",
    "KR": "Sydkorea|South Korea|Südkorea",
    "LI": "Liechtenstein",
    "LT": "Litauen|Lithuania",
    "LU": "Luxemburg|Luxembourg",
    "LV": "Lettland|Latvia",
    "MC": "Monaco",
    "MD": "Moldavien|Moldova|Moldau",
    "ME": "Montenegro",
    "MK": "Nordmakedonien|Makedonien|North Macedonia|Nordmazedonien",
    "MT": "Malta",
    "MX": "Mexiko|Mexico",
    "NL": "Nederländerna|Holland|Netherlands|The Netherlands|Niederlande",
    "NO": "Norge|Norway|Norwegen",
    "NZ": "Nya Zeeland|New Zealand|Neuseeland",
    "PL": "Polen|Poland",
    "PT": "Portugal",
    "RO": "Rumänien|Romania",
    "RS": "Serbien|Serbia",
    "SE": "Sverige|Sweden|Schweden",
    "SG": "Singapore|Singapur",
    "SI": "Slovenien|Slovenia|Slowenien",
    "SK": "Slovakien|Slovakia|Slowakei",
    "SM": "San Marino",
    "TH": "Thailand",
    "TR": "Turkiet|Turkey|Türkiye|Türkei",
    "TW": "Taiwan",
    "UA": "Ukraina|Ukraine",
    "US": "USA|Förenta staterna|United States|United States of America|Vereinigte Staaten",
    "ZA": "Sydafrika|South Africa|Südafrika",
}
_CODES: Mapping[str, str] = MappingProxyType(
    {name.casefold(): code for code, names in _NAMES.items() for name in (code, *names.split("|"))}
)


def country(name: str) -> str:
    """The code of a country named in words (or by its code), "" when the name is not known."""
    return _CODES.get(" ".join(name.split()).casefold(), "")
