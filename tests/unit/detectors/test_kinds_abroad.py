"""Numbers of other countries and of devices, against python-stdnum."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import luhn, verhoeff
from stdnum.br import cpf
from stdnum.es import dni, nie
from stdnum.eu import vat
from stdnum.fr import nir
from stdnum.in_ import aadhaar as stdnum_aadhaar
from stdnum.it import codicefiscale
from stdnum.jp import in_ as my_number
from stdnum.kr import rrn
from stdnum.us import itin, ssn

from winddown.detectors import BY_ID
from winddown.detectors.recognise import holds

DIGITS = "0123456789"


def of(length: int, alphabet: str = DIGITS) -> st.SearchStrategy[str]:
    return st.text(alphabet, min_size=length, max_size=length)


def says(kind: str, text: str) -> bool:
    return holds(BY_ID[kind], text)


def _cpf_digits(body: str) -> str:
    for width in (9, 10):
        total = sum(int(digit) * weight for digit, weight in zip(body, range(width + 1, 1, -1), strict=True))
        body += str(total * 10 % 11 % 10)
    return body[9:]


ORACLES: list[tuple[str, st.SearchStrategy[str], Callable[[str], bool]]] = [
    ("brazilian_cpf", of(9).map(lambda body: body + _cpf_digits(body)), cpf.is_valid),
    ("japanese_my_number", of(11).map(lambda body: body + my_number.calc_check_digit(body)), my_number.is_valid),
    ("spanish_nif", of(8).map(lambda body: body + dni.calc_check_digit(body)), dni.is_valid),
    ("spanish_nif", of(7).map(lambda body: "X" + body + nie.calc_check_digit("X" + body)), nie.is_valid),
    ("french_nir", of(10).map(lambda rest: "17905" + rest[:8] + rest[8:]), nir.is_valid),
    ("aadhaar", of(10).map(lambda body: "23" + body), stdnum_aadhaar.is_valid),
    ("korean_rrn", of(6).map(lambda rest: "9710139" + rest), rrn.is_valid),
]


@pytest.mark.parametrize(("kind", "values", "oracle"), ORACLES, ids=[f"{row[0]}-{n}" for n, row in enumerate(ORACLES)])
def test_agrees_with_stdnum(kind: str, values: st.SearchStrategy[str], oracle: Callable[[str], bool]) -> None:
    @given(values, st.sampled_from(DIGITS))
    def agrees(text: str, last: str) -> None:
        # stdnum refuses what no office ever issues (all digits equal, unknown communes); it is never the wider one.
        assert says(kind, text) or not oracle(text)
        assert says(kind, text[:-1] + last) or not oracle(text[:-1] + last)

    agrees()


@given(of(11))
def test_aadhaar_is_verhoeff(body: str) -> None:
    body = "2" + body[1:]
    assert says("aadhaar", body + verhoeff.calc_check_digit(body))
    assert sum(says("aadhaar", body + digit) for digit in DIGITS) == 1


@given(of(13))
def test_french_key_is_unique(body: str) -> None:
    body = "179" + "05" + body[5:]
    right = f"{97 - int(body) % 97:02}"
    assert says("french_nir", body + right)
    assert not says("french_nir", body + f"{(int(right) + 1) % 98:02}")


@given(of(6), of(4), st.sampled_from("ABCDEHLMPRST"), of(3))
def test_italian_letter_is_stdnums(name: str, day: str, month: str, place: str) -> None:
    letters = name.translate(str.maketrans(DIGITS, "BCDFGHJKLM"))
    body = f"{letters}{day[:2]}{month}{day[2:]}D{place}"
    right = codicefiscale.calc_check_digit(body)
    assert [letter for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if says("italian_fiscal_code", body + letter)] == [right]


@pytest.mark.parametrize("code", ["DE", "ATU", "PT", "BE", "PL", "FR", "IT", "DK", "FI", "LU"])
def test_eu_vat_takes_what_stdnum_takes(code: str) -> None:
    width = {"DE": 9, "ATU": 8, "PT": 9, "BE": 10, "PL": 10, "FR": 11, "IT": 11, "DK": 8, "FI": 8, "LU": 8}[code]
    seen = 0
    for start in range(3_000):
        text = code + str(400_000_007 + start * 104_729).zfill(width)[:width].rjust(width, "0")
        if vat.is_valid(text):
            seen += 1
            assert says("eu_vat", text), text
    assert code in {"BE", "FR", "IT"} or seen > 0


@given(of(3), of(2), of(4))
def test_us_ssn_takes_social_security_and_tax_numbers(area: str, group: str, serial: str) -> None:
    text = f"{area}-{group}-{serial}"
    if (ssn.is_valid(text) or itin.is_valid(text)) and serial != "0000":
        assert says("us_ssn", text)
    if area in {"000", "666"} or group == "00" or serial == "0000":
        assert not says("us_ssn", text)


@given(of(14), st.sampled_from((18, 19)))
def test_iccid_is_luhn(filler: str, width: int) -> None:
    body = ("8986" + filler + filler)[:width]
    assert [digit for digit in DIGITS if says("iccid", body + digit)] == [luhn.calc_check_digit(body)]


@pytest.mark.parametrize("text", ["S1234567D", "T0123456G", "F1234567N", "G1234567X", "M1234567K"])
def test_singapore_known_numbers(text: str) -> None:
    assert says("singapore_nric", text)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("us_ssn", "2024-01-01"),
        ("phone_abroad", "2024-01-01"),
        ("phone_abroad", "2024-01-01 10:00"),
        ("phone_abroad", "192.168.1.1"),
        ("phone_abroad", "1280.50"),
        ("mac_address", "10:20:30"),
        ("gps_position", "12.50,13.75"),
        ("crypto_wallet", "5d41402abc4b2a76b9719d911017c592"),
        ("api_key", "sk-1001"),
        ("jwt", "com.example.shop"),
        ("password_hash", "$12.50"),
        ("pinyin_name", "New York"),
        ("western_name", "A-2031"),
        ("imsi", "123456789012345"),
        ("machine_readable_zone", "P" * 44),
        ("military_id", "京字招牌"),
    ],
)
def test_forms_that_only_look_alike(kind: str, text: str) -> None:
    assert not says(kind, text)
