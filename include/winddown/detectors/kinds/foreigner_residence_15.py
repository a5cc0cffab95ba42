"""Foreigner's permanent residence number (外国人永久居留证号码) in the form of 2004 to 2023, 15 characters.

``CCC RRRR YYMMDD S C``: nationality by three letters, four digits for the place of application, date of birth, serial
and a check digit.

Source: Measures on the Approval of Foreigners' Permanent Residence (Ministry of Public Security, 2004) and the
description of the card of 2017. The rule of the check digit is not published, so that letters, province and date are
what is checked: of random values of the form about 1 in 80 pass the last two.

>>> is_valid("CAN110078010101"), is_valid("usa310185123199")
(True, True)
>>> is_valid("CAN990078010101"), is_valid("CAN110078130101"), is_valid("QQQ110078010101")
(False, False, False)
"""

import numpy as np

from winddown.detectors.calendar_dates import six_digits
from winddown.detectors.checksums import all_digits, among, every, member
from winddown.detectors.kind import ALNUM, DIGIT, Block, Bools, Kind, Proof
from winddown.detectors.recognise import holds
from winddown.detectors.regions import is_province

_LETTER = member("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_COUNTRIES = (
    "AFG AGO ALB ARE ARG ARM AUS AUT AZE BDI BEL BEN BFA BGD BGR BHR BHS BIH BLR BLZ BOL BRA BRB BRN BTN BWA CAF CAN "
    "CHE CHL CIV CMR COD COG COL CRI CUB CYP CZE DEU DNK DOM DZA ECU EGY ERI ESP EST ETH FIN FJI FRA GAB GBR GEO GHA "
    "GIN GMB GRC GTM GUY HND HRV HTI HUN IDN IND IRL IRN IRQ ISL ISR ITA JAM JOR JPN KAZ KEN KGZ KHM KOR KWT LAO LBN "
    "LBR LBY LKA LTU LUX LVA MAR MDA MDG MDV MEX MKD MLI MLT MMR MNE MNG MOZ MRT MUS MWI MYS NAM NER NGA NIC NLD NOR "
    "NPL NZL OMN PAK PAN PER PHL PNG POL PRK PRT PRY QAT ROU RUS RWA SAU SDN SEN SGP SLE SLV SOM SRB SUR SVK SVN SWE "
    "SYR TCD TGO THA TJK TKM TON TTO TUN TUR TZA UGA UKR URY USA UZB VEN VNM VUT WSM YEM ZAF ZMB ZWE"
)
_KNOWN = np.array([ord(code[0]) << 16 | ord(code[1]) << 8 | ord(code[2]) for code in _COUNTRIES.split()], np.int64)


def _check(block: Block) -> tuple[Bools, Bools]:
    shaped = every(block[:, :3], _LETTER) & all_digits(block[:, 3:])
    return shaped, among(shaped, block, _plausible)


def _plausible(block: Block) -> Bools:
    wide = block[:, :3].astype(np.int64)
    known = np.isin(wide[:, 0] << 16 | wide[:, 1] << 8 | wide[:, 2], _KNOWN)
    return np.asarray(known & is_province(block[:, 3:5]) & six_digits(block[:, 7:13]))


KIND = Kind(
    id="foreigner_residence_15",
    title_zh="外国人永久居留证号码（旧版）",
    title_en="foreigner's permanent residence number of the older form",
    proof=Proof.PATTERN,
    headers=("永久居留", "永居证", "永久居留证号", "permanent_residence_no", "residence_permit_no", "green_card_no"),
    min_length=15,
    max_length=15,
    classes=ALNUM,
    needs=DIGIT,
    chance=0.0125,
    lookalike=0.05,
    lengths=frozenset({15}),
    check=_check,
)


def is_valid(text: str) -> bool:
    """Return whether the whole text has the form of a permanent residence number of before 2023."""
    return holds(KIND, text)
