from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from winddown.domain.canonical import canonical
from winddown.domain.errors import Refused
from winddown.evidence import strict, verify
from winddown.evidence.entry import ACTS, BODY_FIELDS, ENTRY_TYPES, LedgerEntry

AT = datetime(2026, 11, 23, 10, tzinfo=UTC)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def entry(**changes: Any) -> LedgerEntry:
    given_: dict[str, Any] = {
        "seq": 3,
        "at": AT,
        "case": "c1",
        "type": "decided",
        "actor": "svc",
        "body": {"n": 1},
    } | changes
    return LedgerEntry(given_.pop("seq"), given_.pop("at"), **given_)


@given(
    st.dictionaries(st.text(), plain, max_size=4),
    st.datetimes(min_value=AT.replace(year=1000, tzinfo=None), timezones=st.just(UTC)),
)
def test_an_entry_comes_back_from_its_bytes(body: dict[str, Any], at: datetime) -> None:
    one = entry(body=body, at=at)
    back = LedgerEntry.parse(one.raw)
    assert (back, back.body, back.at) == (one, body, at)


@given(st.dictionaries(st.text(), plain, max_size=4))
def test_writer_and_verifier_agree_on_canonical_bytes(document: dict[str, Any]) -> None:
    assert verify.canonical(document) == canonical(document) == strict.encode(document)
    assert verify.parse(canonical(document), "document") == document


def test_writer_and_verifier_agree_on_types_and_fields() -> None:
    assert set(verify.FIELDS) == ENTRY_TYPES
    assert verify.ACTS == ACTS
    assert {name: set(text.split()) for name, text in verify.FIELDS.items() if text} == {
        name: set(fields) for name, fields in BODY_FIELDS.items()
    }


def test_the_largest_entry_fits_and_one_byte_more_does_not() -> None:
    room = 65_535 - len(entry(body={"x": ""}).raw)
    assert len(entry(body={"x": "a" * room}).raw) == 65_535
    with pytest.raises(Refused, match="65536 bytes"):
        entry(body={"x": "a" * (room + 1)})


INTENT = {"effect": "e", "plan_id": "p", "order_id": "o", "act": "purge", "batch": "b", "batch_digest": "d"}


@pytest.mark.parametrize(
    "changes",
    [
        {"seq": -1},
        {"seq": True},
        {"at": AT.replace(tzinfo=None)},
        {"at": AT.astimezone(timezone(timedelta(hours=8)))},
        {"type": "deleted"},
        {"case": ""},
        {"actor": ""},
        {"body": {"x": 0.5}},
        {"body": {"x": float("nan")}},
        {"body": {"x": 2**53}},
        {"body": {1: "x"}},
        {"body": {"x": "\ud800"}},
        {"body": {"x": b"bytes"}},
        {"type": "intent", "body": INTENT},
        {"type": "intent", "body": {**INTENT, "records": -1, "nonce": "n"}},
        {"type": "intent", "body": {**INTENT, "records": True, "nonce": "n"}},
        {"type": "intent", "body": {**INTENT, "records": 1, "nonce": "n", "act": "drop"}},
        {"type": "intent", "body": {**INTENT, "records": 1, "nonce": "n", "effect": ""}},
    ],
)
def test_what_the_ledger_could_never_take_back_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        entry(**changes)


def test_neither_error_nor_repr_repeats_a_value() -> None:
    secret = "13812345678"
    assert secret not in repr(entry(body={"x": secret}))
    with pytest.raises(Refused) as caught:
        entry(body={"x": [secret, 0.5]})
    assert secret not in str(caught.value)
    assert caught.value.__suppress_context__


RAW = '{"actor":"svc","at":"2026-11-23T10:00:00.000000Z","body":{"n":1},"case":"c1","seq":3,"type":"decided"}'


def read(raw: str) -> None:
    with verify.judging(raw.replace('"seq":3', '"seq":0').encode() + b"\n") as parts:
        list(parts.entries())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('{"n":1}', '{"n":1,"n":1}'),
        ('{"n":1}', '{"n":NaN}'),
        ('{"n":1}', '{"n":1.0}'),
        ('{"n":1}', '{"n":1e0}'),
        ('{"n":1}', '{"n":-0}'),
        ('{"n":1}', '{"n": 1}'),
        ('{"n":1}', '{"\\u006e":1}'),
        ('{"n":1}', "[" * 100_000 + "]" * 100_000),
        ('{"n":1}', "[" * 20_000 + "]" * 20_000),
        ('{"n":1}', '{"n":' + "9" * 5000 + "}"),
        ('{"n":1}', "[]"),
        ('"seq":3', '"seq":+3'),
        ('"seq":3', '"seq":3_0'),
        ('"seq":3', '"seq":３'),
        ('"seq":3', '"seq":true'),
        ('"seq":3', '"seq":"3"'),
        (".000000Z", "Z"),
        (".000000Z", ".0Z"),
        (".000000Z", ".000000+00:00"),
        ("2026-", "２026-"),
        ("11-23", "11-31"),
        ('"case":"c1",', ""),
        ('"type":"decided"}', '"type":"decided"} '),
        ('"type":"decided"}', '"type":"decided","x":1}'),
        ("{", "\ufeff{"),
    ],
)
def test_a_second_spelling_is_refused_by_both_readers(old: str, new: str) -> None:
    LedgerEntry.parse(RAW.encode())
    read(RAW)
    forged = RAW.replace(old, new, 1)
    assert forged != RAW
    with pytest.raises(Refused):
        LedgerEntry.parse(forged.encode())
    with pytest.raises(verify.Rejected):
        read(forged)


@pytest.mark.parametrize("text", ["1_0", "+7", "-1", "７", "07", " 7", "7 ", "", "7\n", "1e3", "9" * 30])
def test_numbers_have_one_spelling(text: str) -> None:
    with pytest.raises(Refused):
        strict.read_integer(text)


@pytest.mark.parametrize("text", ["AAF=", "AAE", "AAE==", "AAE=\n", "AA E=", "A-E=", "ＡAE=", "AAE=AAE="])
def test_base64_has_one_spelling(text: str) -> None:
    assert strict.read_base64("AAE=") == b"\x00\x01"
    with pytest.raises(Refused):
        strict.read_base64(text)
    with pytest.raises(verify.Rejected):
        verify.unbase64(text, "text")


def test_every_ascii_letter_is_spelt_alike() -> None:
    for code in range(128):
        document = {chr(code): chr(code)}
        raw = strict.encode(document)
        assert raw == canonical(document)
        assert verify.parse(raw, "document") == document


@pytest.mark.parametrize("value", [0.5, 2**53, -(2**53), {1: 2}, b"", {1}, float("nan"), "\ud800", datetime.now(UTC)])
def test_what_json_does_not_have_in_one_form_is_refused(value: Any) -> None:
    with pytest.raises(Refused, match="canonical"):
        strict.encode({"value": value})
