"""Kinds against oracles that share no code with them."""

from datetime import date

import numpy as np
import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import iban as stdnum_iban
from stdnum import imei as stdnum_imei
from stdnum import luhn
from stdnum.cn import ric
from stdnum.cn import uscc as stdnum_uscc
from stdnum.iso7064 import mod_11_2, mod_11_10, mod_97_10

from winddown.detectors import ALL, BY_ID, Kind
from winddown.detectors.kind import Block, Proof
from winddown.detectors.kinds import bank_card, business_registration, hkid, iban, imei, mobile, resident_id, uscc, vin
from winddown.detectors.recognise import holds
from winddown.detectors.regions import PERMITS, PROVINCES
from winddown.domain.errors import Refused


def of(length: int, alphabet: str = "0123456789") -> st.SearchStrategy[str]:
    return st.text(alphabet, min_size=length, max_size=length)


@given(
    st.sampled_from([code for code in PROVINCES if code < PERMITS]),
    of(4),
    st.dates(min_value=date(1900, 1, 1)),
    of(3),
    of(1, "0123456789X"),
)
def test_resident_id_agrees_with_iso_7064(province: int, county: str, born: date, serial: str, last: str) -> None:
    body = f"{province}{county}{born:%Y%m%d}{serial}"
    plausible = int(f"{born:%Y}") < 2050
    assert resident_id.is_valid(body + last) is (plausible and mod_11_2.is_valid(body + last))
    assert resident_id.is_valid(body + mod_11_2.calc_check_digit(body)) is plausible


def test_resident_id_accepts_older_numbers_that_county_lists_of_today_refuse() -> None:
    number = "11011619500101123"  # Huairou became a district in 2001
    number += mod_11_2.calc_check_digit(number)
    assert not ric.is_valid(number)
    assert resident_id.is_valid(number)


@given(st.one_of(of(18), of(18, "0123456789ABCDEFGHJKLMNPQRTUWXY")))
def test_uscc_is_never_wider_than_stdnum(text: str) -> None:
    body = "91" + text[2:8].translate(str.maketrans("ABCDEFGHJKLMNPQRTUWXY", "0" * 21)) + text[8:17]
    assert uscc.is_valid(body + text[17]) is stdnum_uscc.is_valid(body + text[17])
    assert uscc.is_valid(body + stdnum_uscc.calc_check_digit(body))


@given(st.sampled_from(["62", "4", "51", "9558", "3530", "11"]), of(15), st.sampled_from([16, 17, 18, 19]))
def test_bank_card_is_luhn_behind_an_issuer_prefix(prefix: str, filler: str, length: int) -> None:
    text = (prefix + filler + filler)[:length]
    assert bank_card.is_valid(text) is (prefix != "11" and luhn.is_valid(text))
    body = text[:-1]
    assert bank_card.is_valid(body + luhn.calc_check_digit(body)) is (prefix != "11")


@given(of(15))
def test_imei_is_never_wider_than_stdnum(text: str) -> None:
    assert not imei.is_valid(text) or stdnum_imei.is_valid(text)
    body = "86" + text[2:14]
    assert imei.is_valid(body + luhn.calc_check_digit(body))


@given(of(15))
def test_business_registration_is_mod_11_10(text: str) -> None:
    text = "33" + text[2:]
    assert business_registration.is_valid(text) is mod_11_10.is_valid(text)
    assert business_registration.is_valid(text[:14] + mod_11_10.calc_check_digit(text[:14]))


@given(st.sampled_from(sorted(iban.LENGTHS)), of(32))
def test_iban_is_mod_97_of_the_countrys_length(country: str, filler: str) -> None:
    account = filler[: iban.LENGTHS[country] - 4]
    check = mod_97_10.calc_check_digits(account + country)
    text = country + check + account
    assert iban.is_valid(text)
    assert not iban.is_valid(text + "0")
    wrong = f"{(int(check) + 1) % 97:02}"
    assert iban.is_valid(country + wrong + account) is stdnum_iban.is_valid(
        country + wrong + account, check_country=False
    )


@pytest.mark.parametrize("country", sorted(iban.LENGTHS))
def test_iban_lengths_agree_with_the_registry(country: str) -> None:
    # Zero accounts satisfy the structure of most countries; where letters are demanded the length still decides.
    right = country + "00" + "0" * (iban.LENGTHS[country] - 4)
    with pytest.raises(stdnum_iban.ValidationError) as complaint:
        stdnum_iban.validate(right, check_country=False)
    assert not isinstance(complaint.value, stdnum_iban.InvalidComponent)


@given(of(11))
def test_mobile_misses_nothing_that_phonenumbers_knows(text: str) -> None:
    number = phonenumbers.PhoneNumber(country_code=86, national_number=int("1" + text[1:]))
    if phonenumbers.number_type(number) == phonenumbers.PhoneNumberType.MOBILE:
        assert mobile.is_valid("1" + text[1:])


def test_allocated_segments_are_those_of_phonenumbers() -> None:
    assert mobile.KIND.typical is not None
    for prefix in range(130, 200):
        number = phonenumbers.PhoneNumber(country_code=86, national_number=int(f"{prefix}12345678"))
        if phonenumbers.is_valid_number(number):
            block = np.frombuffer(f"{prefix}12345678".encode(), np.uint8).reshape(1, -1)
            assert mobile.KIND.typical(block)[0], prefix


@pytest.mark.parametrize("text", ["A123456(3)", "G123456(A)", "L555555(0)", "AB987654(3)", "C1234569"])
def test_hkid_known_numbers(text: str) -> None:
    assert hkid.is_valid(text)


@pytest.mark.parametrize("text", ["1HGCM82633A004352", "1M8GDM9AXKP042788", "5GZCZ43D13S812715"])
def test_vin_known_numbers(text: str) -> None:
    assert vin.is_valid(text)


def _vin_by_hand(text: str) -> bool:
    values = dict(
        zip(
            "ABCDEFGHJKLMNPRSTUVWXYZ",
            [1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 7, 9, 2, 3, 4, 5, 6, 7, 8, 9],
            strict=True,
        )
    )
    weights = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2]
    total = sum(weight * (int(c) if c.isdigit() else values[c]) for c, weight in zip(text, weights, strict=True))
    return "0123456789X"[total % 11] == text[8]


@given(of(17, "0123456789ABCDEFGHJKLMNPRSTUVWXYZ"), of(4))
def test_vin_is_the_weighted_sum(text: str, serial: str) -> None:
    text = "LA" + text[2:13] + serial
    assert vin.is_valid(text) is _vin_by_hand(text)


SAMPLE = 100_000


def test_chance_rates_are_what_random_values_of_that_form_show() -> None:
    rng = np.random.default_rng(3)
    for kind in (each for each in ALL if each.proof is Proof.CHECKSUM and each.check is not None):
        block = rng.integers(48, 58, (SAMPLE, min(kind.lengths)), np.uint8)
        _shape_for(kind, block)
        assert kind.check is not None
        shaped, valid = kind.check(block)
        assert shaped.sum() > 3000, kind.id
        noise = 4 * (kind.chance / shaped.sum()) ** 0.5
        assert valid.sum() / shaped.sum() == pytest.approx(kind.chance, abs=max(0.25 * kind.chance, noise)), kind.id


LETTERED = {
    "passport": (0,),
    "hk_macau_permit": (0,),
    "home_return_permit": (0,),
    "uk_nino": (0, 1, 8),
    "indian_pan": (0, 1, 2, 3, 4, 9),
    "foreigner_residence_15": (),
    "imsi": (),
}


@pytest.mark.parametrize("kind_id", LETTERED)
def test_chance_without_a_check_digit_is_no_less_than_random_values_show(kind_id: str) -> None:
    rng = np.random.default_rng(4)
    kind = BY_ID[kind_id]
    block = rng.integers(48, 58, (SAMPLE, min(kind.lengths)), np.uint8)
    for place in LETTERED[kind_id]:
        block[:, place] = rng.integers(65, 91, SAMPLE, np.uint8)
    if kind_id == "foreigner_residence_15":
        block[:, :3] = np.frombuffer(b"CAN", np.uint8)
    assert kind.check is not None
    shaped, valid = kind.check(block)
    rate = valid.sum() / shaped.sum()
    assert 0.3 * kind.chance <= rate <= 1.1 * kind.chance, rate


_FIXED = {
    "resident_id": ((0, "110105"), (6, "19491231")),
    "foreigner_residence": ((0, "931840"), (6, "19800101")),
    "business_registration": ((0, "33"),),
    "bank_card": ((0, "37"),),
    "imei": ((0, "86"),),
    "hkid": ((0, "A"),),
    "taiwan_id": ((0, "A"),),
    "vin": ((0, "LA"),),
    "iban": ((0, "NO"),),
    "hmt_residence": ((0, "810000"), (6, "19800101")),
    "machine_readable_zone": ((20, "M"),),
    "aadhaar": ((0, "2"),),
    "korean_rrn": ((0, "971013"),),
    "spanish_nif": ((8, "K"),),
    "singapore_nric": ((0, "S"), (8, "D")),
    "italian_fiscal_code": ((0, "RCCMNL"), (8, "S"), (11, "D"), (15, "H")),
    "french_nir": ((0, "29510"),),
    "eu_vat": ((0, "FI"),),
    "taxpayer_15": ((0, "110105"),),
    "iccid": ((0, "8986"),),
}


def _shape_for(kind: Kind, block: Block) -> None:
    def put(place: int, text: str) -> None:
        block[:, place : place + len(text)] = np.frombuffer(text.encode(), np.uint8)

    for place, text in _FIXED.get(kind.id, ()):
        put(place, text)


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.id)
def test_every_kind_is_declared_completely(kind: Kind) -> None:
    assert kind.title_zh
    assert kind.title_en
    assert kind.headers
    assert BY_ID[kind.id] is kind


def test_there_are_enough_check_digits() -> None:
    assert sum(kind.checksummed for kind in ALL) >= 20
    assert len(ALL) >= 40


@given(st.text(max_size=40))
def test_no_kind_fails_on_any_text(text: str) -> None:
    for kind in ALL:
        holds(kind, text)


def test_contradictory_declarations_are_refused() -> None:
    with pytest.raises(Refused, match="neither"):
        Kind(
            id="nothing", title_zh="", title_en="", proof=Proof.PATTERN, headers=(),
            min_length=1, max_length=1, classes=1, chance=0.1,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("kind_id", "text"),
    [
        ("mobile", "１３８１２３４５６７８"),
        ("mobile", "+86-138 1234 5678"),
        ("mobile", "(86)13812345678"),
        ("resident_id", "11010519491231002x"),
        ("email", "zhang＠qq．com"),
        ("masked", "138＊＊＊＊5678"),
        ("bank_card", "4111 1111 1111 1111"),
    ],
)
def test_forms_that_people_write(kind_id: str, text: str) -> None:
    assert holds(BY_ID[kind_id], text)


@pytest.mark.parametrize(
    ("kind_id", "text"),
    [
        ("mobile", "1３8１234５67"),
        ("mobile", "13812٣45678"),
        ("masked", "13812345678"),
        ("ip_address", "1.2.3.4.5"),
        ("email", "a@b"),
        ("person_name", "的小明"),
    ],
)
def test_forms_that_only_look_alike(kind_id: str, text: str) -> None:
    assert not holds(BY_ID[kind_id], text)
