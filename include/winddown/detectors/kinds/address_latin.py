"""Postal address in Latin letters (外文地址), as in ``12 Orchestra Terrace`` or ``Obere Str. 57``.

Words and a house number. Values are typical when one of the words is a name for a street, in one of the languages of
Europe, or stands for a post-office box.

Source: Universal Postal Union, S42 on the elements of addresses; USPS Publication 28 for the abbreviations. Does not
look places up.

>>> is_valid("305 - 14th Ave. S. Suite 3B"), is_valid("Obere Str. 57"), is_valid("Av. Copacabana, 267")
(True, True, True)
>>> is_valid("Berlin"), is_valid("2024-01-01"), is_valid("42")
(False, False, False)
"""

from winddown.detectors.kind import ALNUM, DIGIT, DOT, HIGH, OTHER, Kind, Proof
from winddown.detectors.recognise import holds

_LETTER = "[A-Za-zÀ-ɏ]"
_STREET = (
    "Street|St|Avenue|Ave|Av|Road|Rd|Lane|Ln|Drive|Dr|Boulevard|Blvd|Bvd|Court|Ct|Place|Pl|Terrace|Way|Square|Sq|Circle"
    "|Parkway|Pkwy|Highway|Hwy|Trail|Loop|Suite|Apt|Apartment|Unit|Box|Crescent|Close|Mews|Plaza|Pike|Run|Ridge|Route"
    "|Vicolo|Canale|Incrocio|Contrada|Borgo|Strada|Stretto|Piazzale|Rotonda|Largo|Travessa|Viela|Ladeira|Esplanada"
    "|Conjunto|Quadra|Setor|Praia|Vereda|Viaduto|Parque|Jardim|Urbanización|Vial|Pasaje|Glorieta|Camino|Ronda|Cuesta"
    "|Callejón|Acceso|Carretera|Boulevard|Chemin|Impasse|Allée|Place|Passage|Nagar|Marg|Ganj|Chowk|Zila|Viaduct|Studio|Flat"
    "|Rue|Quai|Cours|Chaussée|Via|Viale|Piazza|Corso|Calle|Avda|Avenida|Paseo|C/|Carrera|Plaza|Rua|Praça|Alameda"
    "|Estrada|Rambla|Str|Gata|Weg|Platz|Allee|Ring|Tie|Katu|Laan|Vej|Gade"
    "|Fields|Valleys?|Hills?|Islands?|Isle|Junctions?|Knolls?|Landing|Manors?|Meadows?|Mountains?|Orchard|Park|Path"
    "|Plains?|Points?|Ports?|Prairie|Shoals?|Shores?|Springs?|Station|Stream|Summit|Throughway|Trafficway|Tunnel"
    "|Turnpike|Union|Views?|Villages?|Ville|Vista|Walks?|Wall|Wells?|Alley|Bridge|Brook|Bypass|Camp|Canyon|Cape"
    "|Causeway|Center|Common|Corners?|Course|Cove|Creek|Crossing|Crossroad|Curve|Dale|Dam|Divide|Estates?|Expressway"
    "|Extension|Falls?|Ferry|Flats?|Fords?|Forest|Forges?|Forks?|Fort|Freeway|Gardens?|Gateway|Glens?|Greens?|Groves?"
    "|Harbors?|Haven|Heights|Hollow|Inlet|Keys?|Lakes?|Light|Lodge|Mall|Mills?|Mission|Motorway|Neck|Oval|Overpass"
    "|Passage|Pines?|Plains|Radial|Ramp|Ranch|Rapids?|Rest|River|Row|Rue|Skyway|Spurs?|Stravenue|Track|Trace"
)

KIND = Kind(
    id="address_latin",
    title_zh="外文地址",
    title_en="postal address in Latin letters",
    proof=Proof.COLUMN,
    headers=(
        "英文地址",
        "地址",
        "address",
        "addr",
        "address_line",
        "address_line1",
        "address_line2",
        "address1",
        "address2",
        "home_address",
        "billing_address",
        "shipping_address",
        "ship_address",
        "mailing_address",
        "street",
        "street_address",
    ),
    min_length=5,
    max_length=240,
    classes=ALNUM | DOT | OTHER | HIGH,
    needs=DIGIT | OTHER,
    chance=0.02,
    lookalike=0.3,
    pattern=rf"(?:[0-9][^@]*[ .,#-][^@]*{_LETTER}{{2}}[^@]*|[^@]*{_LETTER}{{2}}[^@]*[ .#][0-9][^@]*)",
    typical_pattern=(
        rf"(?is:.*(?:^|[ .,#0-9-])(?:{_STREET})(?:[., 0-9\n-].*|$)|.*(?:straße|strasse|str\.|weg|platz|allee|gatan|gata"
        r"|vägen|katu|tie|vej|gade|straat|laan|plein) .*)"
    ),
    typical_share=0.5,
    typical_means="hold a word for a street",
    named_suffices=True,
)


def is_valid(text: str) -> bool:
    """Return whether the whole text has the form of a postal address in Latin letters."""
    return holds(KIND, text)
