"""Countries that an instance names in words alone, as many do that leave `country_iso_code` empty. Data only.

In the languages of the marketplaces that run on it: English, French, Spanish, German, Italian, Portuguese, Dutch, Polish
and Swedish. Accents and case do not matter.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from types import MappingProxyType

from marketplaces.channels.mirakl.countries import two_letters

_NAMES: Mapping[str, str] = {
    "AD": "Andorra|Andorre|Andora",
    "AT": "Austria|Autriche|Österreich|Oostenrijk|Österrike",
    "AU": "Australia|Australie|Australien",
    "BE": "Belgium|Belgique|Bélgica|Belgien|Belgio|België|Belgia",
    "BG": "Bulgaria|Bulgarie|Bulgarien|Bulgarije|Bułgaria",
    "BR": "Brazil|Brésil|Brasil|Brasilien|Brasile|Brazilië|Brazylia",
    "CA": "Canada|Kanada",
    "CH": "Switzerland|Suisse|Suiza|Schweiz|Svizzera|Suíça|Zwitserland|Szwajcaria",
    "CY": "Cyprus|Chypre|Chipre|Zypern|Cipro|Cypr|Cypern",
    "CZ": "Czechia|Czech Republic|Tchéquie|République tchèque|Chequia|República Checa|Tschechien|Tschechische Republik"
    "|Cechia|Repubblica Ceca|Tchéquia|Tsjechië|Czechy|Tjeckien",
    "DE": "Germany|Allemagne|Alemania|Deutschland|Germania|Alemanha|Duitsland|Niemcy|Tyskland",
    "DK": "Denmark|Danemark|Dinamarca|Dänemark|Danimarca|Denemarken|Dania|Danmark",
    "EE": "Estonia|Estonie|Estland",
    "ES": "Spain|Espagne|España|Spanien|Spagna|Espanha|Spanje|Hiszpania",
    "FI": "Finland|Finlande|Finlandia|Finnland",
    "FR": "France|France métropolitaine|Francia|Frankreich|França|Frankrijk|Francja|Frankrike",
    "GB": "United Kingdom|Great Britain|UK|England|Scotland|Wales|Northern Ireland|Royaume-Uni|Reino Unido"
    "|Vereinigtes Königreich|Großbritannien|Regno Unito|Verenigd Koninkrijk|Wielka Brytania|Storbritannien",
    "GF": "French Guiana|Guyane|Guyane française",
    "GP": "Guadeloupe",
    "GR": "Greece|Grèce|Grecia|Griechenland|Grécia|Griekenland|Grecja|Grekland",
    "HR": "Croatia|Croatie|Croacia|Kroatien|Croazia|Croácia|Kroatië|Chorwacja",
    "HU": "Hungary|Hongrie|Hungría|Ungarn|Ungheria|Hungria|Hongarije|Węgry|Ungern",
    "IE": "Ireland|Irlande|Irlanda|Irland|Ierland|Irlandia",
    "IS": "Iceland|Islande|Islandia|Island|Islanda|IJsland",
    "IT": "Italy|Italie|Italia|Italien|Itália|Italië|Włochy",
    "LI": "Liechtenstein",
    "LT": "Lithuania|Lituanie|Lituania|Litauen|Lituânia|Litouwen|Litwa",
    "LU": "Luxembourg|Luxemburgo|Luxemburg|Lussemburgo|Luksemburg",
    "LV": "Latvia|Lettonie|Letonia|Lettland|Lettonia|Letónia|Letland|Łotwa",
    "MC": "Monaco|Mónaco|Monako",
    "MQ": "Martinique",
    "MT": "Malta|Malte",
    "MX": "Mexico|Mexique|México|Mexiko|Messico|Meksyk",
    "NL": "Netherlands|The Netherlands|Holland|Pays-Bas|Países Bajos|Niederlande|Paesi Bassi|Países Baixos|Nederland"
    "|Holandia|Nederländerna",
    "NO": "Norway|Norvège|Noruega|Norwegen|Norvegia|Noorwegen|Norwegia|Norge",
    "NZ": "New Zealand|Nouvelle-Zélande",
    "PL": "Poland|Pologne|Polonia|Polen|Polónia|Polska",
    "PT": "Portugal|Portogallo|Portugalia",
    "RE": "Réunion|La Réunion",
    "RO": "Romania|Roumanie|Rumanía|Rumänien|Roménia|Roemenië|Rumunia",
    "SE": "Sweden|Suède|Suecia|Schweden|Svezia|Suécia|Zweden|Szwecja|Sverige",
    "SI": "Slovenia|Slovénie|Eslovenia|Slowenien|Eslovénia|Slovenië|Słowenia|Slovenien",
    "SK": "Slovakia|Slovaquie|Eslovaquia|Slowakei|Slovacchia|Eslováquia|Slowakije|Słowacja|Slovakien",
    "SM": "San Marino|Saint-Marin",
    "US": "United States|United States of America|États-Unis|Estados Unidos|Vereinigte Staaten|Stati Uniti"
    "|Verenigde Staten|Stany Zjednoczone|USA|Förenta staterna",
    "YT": "Mayotte",
}


def country(code: str, name: str) -> str:
    """The two letters of a country by its code (of two letters or three), else by its name; "" when neither is known."""
    return two_letters(code) or two_letters(name) or _CODES.get(_plain(name), "")


def _plain(name: str) -> str:
    """Letters alone, without accents and case."""
    return "".join(mark for mark in unicodedata.normalize("NFKD", name).casefold() if mark.isalpha())


_CODES: Mapping[str, str] = MappingProxyType(
    {_plain(name): code for code, names in _NAMES.items() for name in names.split("|")}
)
