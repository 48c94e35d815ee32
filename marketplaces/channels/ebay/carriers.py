"""What eBay calls the carriers: its codes, and the spellings under which merchants and other apps know them.

eBay takes any name of letters, digits, blanks and hyphens; tracking links are made only for the codes it knows. The codes
are those of `ShippingCarrierCodeType`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

from marketplaces.carriers import by_key, carrier_key
from marketplaces.data import Carrier
from marketplaces.text import clean

OTHER = "Other"
LONGEST = 60
_ODD = re.compile(r"[^A-Za-z0-9 -]+")
# eBay's code -> further spellings, in small letters without blanks.
_CODES: Mapping[str, tuple[str, ...]] = {
    "4PX": ("4pxexpress", "fourpx"),
    "Aramex": ("aramexaustralia", "aramexinternational"),
    "AustraliaPost": ("australiapost", "auspost", "aupost"),
    "BPost": ("bpostinternational", "belgianpost"),
    "BRT": ("bartolini", "brtbartolini", "brtcorriereespresso"),
    "CanadaPost": ("postescanada", "canadapostpostescanada", "canpost"),
    "ChinaPost": ("chinapostems",),
    "Chronopost": ("chronopostfrance",),
    "Colissimo": ("lapostecolissimo",),
    "Correos": ("correosespana", "correosspain"),
    "DeutschePost": ("deutschepostde", "deutschepostbrief"),
    "DHL": (
        "dhlde", "dhlpaket", "dhlparcel", "dhlgermany", "dhluk", "dhlparceluk", "dhlparcelnl", "dhldeutschland",
        "dhlparcelde", "dhlparcelconnect",
    ),
    "DHLEcommerce": ("dhlecommerceus", "dhlecommerceasia", "dhlecommercesolutions"),
    "DHLEXPRESS": ("dhlexpressde", "dhlexpressinternational"),
    "DHLGlobalMail": ("dhlglobalmailinternational",),
    "DPD": ("dpdde", "dpduk", "dpdgroup", "dpdgermany", "dpdlocal", "interlinkexpress", "geopost"),
    "Evri": ("evriuk", "hermesuk", "myhermes"),
    "FedEx": ("fedexexpress", "fedexground", "federalexpress", "fedexinternational", "fedexhomedelivery"),
    "FedExSmartPost": ("fedexgroundeconomy",),
    "GLS": ("glsde", "glsgermany", "glsitaly", "glsfrance", "glsspain", "glsnetherlands", "glsgroup"),
    "Hermes": ("hermesde", "hermesgermany", "hermeslogistik", "hermeslogistikgruppe", "hlg", "hermesversand"),
    "InPost": ("inpostpaczkomaty", "inpostuk"),
    "LaPoste": ("lapostefrance",),
    "MondialRelay": ("mondialrelayfrance",),
    "MRW": (),
    "NZPost": ("newzealandpost",),
    "OnTrac": ("ontraclogistics",),
    "Parcelforce": ("parcelforceworldwide",),
    "PosteItaliane": ("posteitalianespa", "crono"),
    "PostNL": ("postnlinternational", "postnldomestic", "tntpost"),
    "PostNord": ("postnordsweden", "postnorddenmark", "postnordsverige"),
    "Purolator": ("purolatorinternational", "purolatorcourier"),
    "RoyalMail": ("royalmailuk", "royalmailgroup"),
    "SDA": ("sdaexpresscourier", "sdaitaly"),
    "SEUR": ("seurspain",),
    "SFExpress": ("sfexpressinternational", "shunfeng"),
    "SingaporePost": ("singpost",),
    "StarTrack": ("startrackexpress",),
    "SwissPost": ("swisspostdiepost", "lapostesuisse", "schweizerischepost"),
    "TNT": ("tntexpress", "tntuk", "tntitaly", "tntfrance"),
    "Toll": ("tollipec",),
    "UPS": ("unitedparcelservice", "upsground", "upsexpress", "upsstandard", "upsnextday"),
    "UPS-MI": ("upsmailinnovations", "upsmi"),
    "USPS": ("unitedstatespostalservice", "uspsprioritymail", "uspsgroundadvantage", "usmail"),
    "Yodel": ("yodeldirect",),
    "YunExpress": (),
}  # fmt: skip


_BY_KEY = by_key(_CODES)


def carrier(words: str) -> Carrier:
    """eBay's code for what the merchant calls the carrier; else the merchant's own name in the letters that eBay takes."""
    name = clean(words, LONGEST)
    code = _BY_KEY.get(carrier_key(name))
    if code is not None:
        return Carrier(code, code, known=True)
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    spelt = " ".join(_ODD.sub(" ", plain).split())
    return Carrier(spelt or OTHER, name or OTHER, known=False)
