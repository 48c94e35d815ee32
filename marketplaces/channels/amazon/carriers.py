"""What Amazon calls the carriers: its carrier codes, and the spellings under which merchants and other apps know them.

Amazon compares letter by letter: "PUROLATOR" is filed under Other, which hurts the seller's rate of valid tracking. The
codes are those of the `CarrierCode` enumeration of its feeds' schema and of the list in Seller Central.
"""

from __future__ import annotations

from collections.abc import Mapping

from marketplaces.carriers import by_key, carrier_key
from marketplaces.data import Carrier
from marketplaces.text import clean

OTHER = "Other"
LONGEST = 60
# Amazon's code -> further spellings, in small letters without blanks.
_CODES: Mapping[str, tuple[str, ...]] = {
    "4PX": ("4pxexpress", "fourpx"),
    "Amazon Shipping": ("amazonlogistics", "amazonlogisticsuk", "amazonlogisticsus", "amzl", "swiship", "swa"),
    "Aramex": ("aramexaustralia", "aramexnz", "aramexinternational"),
    "Australia Post": ("auspost", "aupost", "australiapostdomestic"),
    "Blue Package": (),
    "BlueDart": ("bluedartexpress",),
    "BRT": ("bartolini", "brtbartolini", "brtcorriereespresso"),
    "bpost": ("bpostinternational", "belgianpost"),
    "Canada Post": ("canadapostpostescanada", "postescanada", "canpost"),
    "China Post": ("chinapostems", "chinaems"),
    "Chronopost": ("chronopostfrance",),
    "City Link": (),
    "Colis Prive": ("colispriv", "colisprivee"),
    "Colissimo": ("lapostecolissimo",),
    "Correos": ("correosespana", "correosspain"),
    "Correos Express": (),
    "CTT": ("cttexpress", "cttexpresso", "correiosdeportugal"),
    "Delhivery": (),
    "Deutsche Post": ("deutschepostde", "deutschepostdhl", "deutschepostbrief"),
    "DHL": (
        "dhlde", "dhlpaket", "dhlparcel", "dhlexpress", "dhlgermany", "dhluk", "dhlparceluk", "dhlparcelnl",
        "dhlfreight", "dhldeutschland", "dhlparcelde", "dhlparcelconnect", "dhlexpressde",
    ),
    "DHL eCommerce": ("dhlecommerceasia", "dhlecommerceus", "dhlecommercesolutions"),
    "DHL Global Mail": ("dhlglobalmailinternational",),
    "DPD": ("dpdde", "dpduk", "dpdgroup", "dpdgermany", "dpdlocal", "dpdlocaluk", "interlinkexpress", "geopost"),
    "DTDC": (),
    "Evri": ("evriuk", "hermesuk", "myhermes"),
    "Fastway": ("fastwayaustralia", "fastwayireland"),
    "FedEx": ("fedexexpress", "fedexground", "federalexpress", "fedexinternational", "fedexhomedelivery"),
    "FedEx SmartPost": ("fedexgroundeconomy",),
    "First Flight": (),
    "GLS": ("glsde", "glsgermany", "glsitaly", "glsfrance", "glsspain", "glsnetherlands", "glsgroup"),
    "GO!": ("goexpress", "goexpresslogistics"),
    "Hermes Logistik Gruppe": ("hermes", "hermesde", "hermesgermany", "hermeslogistik", "hlg", "hermesversand"),
    "India Post": (),
    "InPost": ("inpostpaczkomaty", "inpostuk"),
    "Japan Post": ("jppost", "yubin", "japanpostja", "japanposten", "日本郵便", "ゆうパック"),
    "La Poste": ("lapostefrance",),
    "Lasership": ("lasershipinc",),
    "Mondial Relay": ("mondialrelayfrance",),
    "MRW": (),
    "Newgistics": (),
    "NipponExpress": ("nittsu",),
    "OnTrac": ("ontraclogistics",),
    "OSM": ("osmworldwide",),
    "Overnite Express": (),
    "Parcelforce": ("parcelforceworldwide",),
    "Poste Italiane": ("posteitalianespa", "crono"),
    "PostNL": ("postnlinternational", "postnldomestic", "tntpost"),
    "PostNord": ("postnordsweden", "postnorddenmark", "postnordsverige", "postnordlogistics"),
    "Purolator": ("purolatorinternational", "purolatorcourier"),
    "Royal Mail": ("royalmailuk", "royalmailgroup"),
    "SagawaExpress": ("sagawa", "sagawaja", "sagawaen", "佐川急便"),
    "SDA": ("sdaexpresscourier", "sdaitaly"),
    "SEUR": ("seurspain",),
    "SF Express": ("sfexpressinternational", "shunfeng"),
    "StarTrack": ("startrackexpress",),
    "Streamlite": (),
    "TNT": ("tntexpress", "tntpostuk", "tntuk", "tntitaly", "tntfrance"),
    "Toll": ("tollipec", "tollglobalexpress"),
    "UK Mail": (),
    "UPS": ("unitedparcelservice", "upsground", "upsexpress", "upsstandard", "upsnextday"),
    "UPS Mail Innovations": ("upsmi",),
    "USPS": ("unitedstatespostalservice", "uspsprioritymail", "uspsgroundadvantage", "usmail"),
    "YamatoTransport": ("yamato", "yamatoja", "yamatoen", "kuronekoyamato", "takkyubin", "ヤマト運輸", "クロネコヤマト"),
    "Yodel": ("yodeldirect",),
    "Yun Express": ("yunexpress",),
}  # fmt: skip


_BY_KEY = by_key(_CODES)


def carrier(words: str) -> Carrier:
    """Amazon's code for what the merchant calls the carrier; Other and the merchant's own name when it has none."""
    name = clean(words, LONGEST)
    code = _BY_KEY.get(carrier_key(name))
    if code is not None:
        return Carrier(code, code, known=True)
    return Carrier(OTHER, name or OTHER, known=False)
