"""Numbers that pass their own checks: resident ids, bank cards, mobiles, credit codes, travel documents.

The check digits follow GB 11643-1999 (resident id, ISO 7064 MOD 11-2), ISO/IEC 7812-1 (cards, Luhn), GB 32100-2015
(unified social credit code) and the published weighting of Hong Kong identity cards. Mobiles and member numbers are
permutations of a counter, so that no two counters share one. None of these numbers was issued to anybody on purpose.
"""

# A long list of short words reads better as one line of words.
# ruff: noqa: SIM905

from datetime import date
from random import Random

MOBILE_PREFIXES = tuple(
    "134 135 136 137 138 139 147 150 151 152 157 158 159 178 182 183 184 187 188 198 "
    "130 131 132 145 155 156 166 175 176 185 186 133 153 173 177 180 181 189 191 199".split()
)
COUNTIES = tuple(
    "310101 310104 310105 310106 310107 310109 310110 310112 310113 310114 310115 310116 310117 310118 310120 "
    "110101 110105 320102 320106 330102 330106 420106 440103 510104".split()
)
BANK_PREFIXES = ("622202", "621700", "622848", "621661", "622588", "621226", "622262", "622700")
CREDIT_CODE_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"


def resident_id(county: str, born_on: date, sequence: int) -> str:
    """Return an 18-character resident identity number; ``sequence`` counts births of that county and day, 0 to 999.

    >>> resident_id("110105", date(1949, 12, 31), 2)
    '11010519491231002X'
    """
    body = f"{county}{born_on:%Y%m%d}{sequence:03d}"
    total = sum(int(digit) * (2 ** (17 - place) % 11) for place, digit in enumerate(body))
    return body + "10X98765432"[total % 11]


def card_number(rng: Random) -> str:
    """Return a card number of 16 or 19 digits with a mainland bank's prefix and a Luhn check digit."""
    prefix = rng.choice(BANK_PREFIXES)
    length = rng.choice((16, 19, 19))
    body = prefix + f"{rng.randrange(10 ** (length - 7)):0{length - 7}d}"
    doubled = sum(sum(divmod(2 * int(digit), 10)) for digit in body[::-2])
    return body + str(-(doubled + sum(map(int, body[-2::-2]))) % 10)


def credit_code(body: str) -> str:
    """Return an 18-character unified social credit code from its first 17 characters.

    >>> credit_code("91320621MA1MRHG20")
    '91320621MA1MRHG205'
    """
    total = sum(CREDIT_CODE_ALPHABET.index(sign) * pow(3, place, 31) for place, sign in enumerate(body))
    return body + CREDIT_CODE_ALPHABET[-total % 31]


def mobile(counter: int) -> str:
    """Return the mainland mobile number of a counter below 4,000,000,000; different counters, different numbers."""
    scrambled = counter * 2_654_435_761 % (len(MOBILE_PREFIXES) * 10**8)
    prefix, rest = divmod(scrambled, 10**8)
    return f"{MOBILE_PREFIXES[prefix]}{rest:08d}"


def member_number(counter: int) -> str:
    """Return an 11-digit serial that looks like a mobile number and is none; unique below 7,000,000,000."""
    return str(13_000_000_000 + (counter * 2_654_435_761 + 271_828_183) % 7_000_000_000)


def order_number(day: date, counter: int) -> str:
    """Return 18 digits, date and scrambled counter: as long as a resident id; unique below 10,000,000,000."""
    return f"{day:%Y%m%d}{counter * 2_654_435_761 % 10**10:010d}"


def hong_kong_id(rng: Random) -> str:
    """Return a Hong Kong identity card number with one letter and its check digit in brackets."""
    letter = rng.choice("ABCDEGHKMPRSVWYZ")
    digits = f"{rng.randrange(10**6):06d}"
    total = 36 * 9 + (ord(letter) - 55) * 8 + sum(int(d) * w for d, w in zip(digits, range(7, 1, -1), strict=True))
    return f"{letter}{digits}({'0123456789A'[-total % 11]})"


def foreign_document(country: str, rng: Random) -> str:
    """Return a passport-like number of JP, DE or US, or an identity card number of HK."""
    if country == "HK":
        return hong_kong_id(rng)
    if country == "JP":
        return f"{rng.choice('MT')}{rng.choice('RSZKH')}{rng.randrange(10**7):07d}"
    if country == "DE":
        return "C" + "".join(rng.choices("0123456789CFGHJKLMNPRTVWXYZ", k=8))
    return f"{rng.randrange(10**8, 7 * 10**8)}"


def foreign_phone(country: str, rng: Random) -> str:
    """Return an international mobile number of JP, DE, US or HK."""
    number = rng.randrange(10**7)
    return {
        "JP": f"+8190{number:08d}",
        "DE": f"+49151{number:08d}",
        "US": f"+1415555{number % 10**4:04d}",
        "HK": f"+8529{number:07d}",
    }[country]
