"""What stays of a value: its form, which columns it fits, and which duties leave room for it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from winddown.domain.decision import Decision
from winddown.domain.disposition import Facts, decide
from winddown.domain.errors import Refused
from winddown.domain.finding import Finding, Status
from winddown.domain.inventory import Field
from winddown.domain.label import Label
from winddown.domain.minimise import TOKEN, Form, Kind, token_length, unfit

MakeFacts = Callable[..., Facts]
FORMS = (("amount", "band:100"), ("email", "first:3"), ("phone", "token"))


@pytest.mark.parametrize(
    ("form", "kind", "value", "left"),
    [
        ("first:3", Kind.TEXT, "13800000000", "138"),
        ("first:3", Kind.TEXT, "138", None),  # it would stay whole
        ("first:3", Kind.TEXT, "138     ", None),  # as a column of a fixed length gives it back
        ("first:1", Kind.TEXT, "𠮷野", "𠮷"),
        ("region:6", Kind.TEXT, "31010119900101123X", "310101"),
        ("region:4", Kind.TEXT, "200030", "2000"),
        ("region:6", Kind.TEXT, "３１０１０１", None),
        ("region:6", Kind.TEXT, "310101 199001011234", None),
        ("year", Kind.TEXT, "2025-03-02 08:00", "2025"),
        ("month", Kind.TEXT, "2025-03-02T08:00Z", "2025-03"),
        ("month", Kind.TEXT, "2025/03/02", None),
        ("month", Kind.TEXT, "2025-02-30", None),
        ("year", Kind.DATE, "1990-05-06", "1990-01-01"),
        ("month", Kind.DATE, "infinity", None),
        ("month", Kind.DATE, "0044-03-15 BC", None),
        ("month", Kind.DATE, "0000-00-00", None),
        ("band:10", Kind.NUMBER, "27", "20"),
        ("band:10", Kind.NUMBER, "-5", "-10"),
        ("band:10", Kind.NUMBER, "27.5", None),
        ("band:10", Kind.NUMBER, "27岁", None),
    ],
)
def test_what_stays_of_a_value_or_that_it_cannot_be_made_coarser(
    form: str, kind: Kind, value: str, left: str | None
) -> None:
    assert Form.parse(form).left(kind, value) == left


@pytest.mark.parametrize("text", ["keep", "drop", "tokens", "first", "first:0", "region:3", "band:1", "", "token:8"])
def test_what_leaves_a_value_whole_or_nothing_of_it_is_no_form(text: str) -> None:
    with pytest.raises(Refused):
        Form.parse(text)


@pytest.mark.parametrize(
    ("form", "prefix", "band"),
    [
        ("token", 0, 0), ("first:3", 3, 0), ("region:6", 6, 0), ("year", 4, 0), ("month", 7, 0), ("band:10", 0, 10),
    ],
)  # fmt: skip
def test_how_much_of_a_value_a_form_leaves(form: str, prefix: int, band: int) -> None:
    assert (Form.parse(form).prefix, Form.parse(form).band) == (prefix, band)


@pytest.mark.parametrize(
    ("declared", "length"),
    [("text", 27), ("varchar(64)", 27), ("varchar(27)", 27), ("varchar(26)", 26), ("char(11)", 11), ("char(10)", 0)],
)
def test_a_token_is_as_long_as_its_column_has_room_and_no_longer(declared: str, length: int) -> None:
    assert token_length(declared) == length


@given(st.sampled_from(["first:3", "region:6", "year", "month"]), st.text() | st.dates().map(str))
def test_what_is_left_of_a_text_begins_it_and_looks_like_it(form: str, value: str) -> None:
    left = Form.parse(form).left(Kind.TEXT, value)
    assert left is None or (value.startswith(left) and Form.parse(form).has_left(Kind.TEXT, left))


@given(st.sampled_from(["year", "month"]), st.dates())
def test_what_is_left_of_a_date_is_a_date_and_looks_like_it(form: str, value: date) -> None:
    left = Form.parse(form).left(Kind.DATE, str(value))
    assert left is not None
    assert date.fromisoformat(left) <= value
    assert Form.parse(form).has_left(Kind.DATE, left)


@given(st.integers(2, 10**6), st.integers(-(10**17), 10**17))
def test_what_is_left_of_a_number_is_the_lowest_of_its_band(size: int, value: int) -> None:
    form = Form.parse(f"band:{size}")
    left = form.left(Kind.NUMBER, str(value))
    assert left is not None
    assert 0 <= value - int(left) < size
    assert form.has_left(Kind.NUMBER, left)


@pytest.mark.parametrize(
    ("form", "kind", "value"),
    [
        ("year", Kind.DATE, "2026-05-01"),
        ("month", Kind.DATE, "2026-05-02"),
        ("month", Kind.TEXT, "2026-05-01"),
        ("first:3", Kind.TEXT, "1380"),
        ("region:6", Kind.TEXT, "3101011990"),
        ("band:10", Kind.NUMBER, "17"),
        ("band:10", Kind.NUMBER, "20.0"),
        ("band:10", Kind.NUMBER, ""),
    ],
)
def test_what_still_tells_more_is_not_taken_for_what_was_left(form: str, kind: Kind, value: str) -> None:
    assert not Form.parse(form).has_left(kind, value)


@pytest.mark.parametrize(
    ("field", "form", "said"),
    [
        (Field("f", "varchar(11)", nullable=False, tied="unique index u"), "token", ""),
        (Field("f", "VARCHAR", nullable=False, tied="a unique constraint"), "token", ""),
        (Field("f", "varchar(10)", nullable=True), "token", "f is a varchar(10), in which no token fits"),
        (Field("f", "integer", nullable=True), "token", "f is a integer, in which no token fits"),
        (Field("f", "text", nullable=True, tied="unique index u, constraint c"), "token", "f is bound by constraint c"),
        (Field("f", "text", nullable=True, tied="unique index u"), "first:3", "f is bound by unique index u"),
        (Field("f", "timestamp", nullable=True), "month", "f is a timestamp, of which nothing is left by month"),
        (Field("f", "character varying(20)[]", nullable=True), "first:3", "f is a character varying(20)[], of which"),
        (Field("f", "text", nullable=True), "band:10", "f is a text, of which nothing is left by band"),
        (Field("f", "date", nullable=False), "year", ""),
        (Field("f", "date", nullable=False), "month", ""),
        (Field("f", "date", nullable=False), "region:6", "f is a date, of which nothing is left by region"),
        (Field("f", "varchar(20)", nullable=False), "year", ""),
        (Field("f", "varchar(20)", nullable=False), "month", ""),
        (Field("f", "varchar(20)", nullable=False), "first:3", ""),
        (Field("f", "varchar(20)", nullable=False), "region:6", ""),
        (Field("f", "integer", nullable=False), "year", "f is a integer, of which nothing is left by year"),
        (Field("f", "int unsigned", nullable=False), "band:10", ""),
    ],
)
def test_a_column_that_cannot_hold_what_is_asked_is_named(
    make_facts: MakeFacts, field: Field, form: str, said: str
) -> None:
    collection = replace(make_facts().collection, fields=(field,))
    found = list(unfit(collection, ("f",), (("f", form),)))
    assert ("; ".join(found)).startswith(said)
    assert bool(found) == bool(said)


def test_a_field_that_is_computed_from_what_stays_cannot_be_emptied(make_facts: MakeFacts) -> None:
    fields = (Field("f", "text", nullable=True), Field("g", "text", nullable=True, computed_from=("f",)))
    collection = replace(make_facts().collection, fields=fields)
    said = ["g is computed from f, of which something would stay"]
    assert list(unfit(collection, ("f", "g"), (("f", "first:3"),))) == said
    assert list(unfit(collection, ("f",), (("f", "first:3"),))) == [], "nobody asks for g to be emptied"
    both = (fields[0], replace(fields[1], computed_from=("f", "h")), replace(fields[1], name="i", computed_from=("h",)))
    found = list(unfit(replace(collection, fields=both), ("f", "g", "i"), (("f", "first:3"),)))
    assert found == said, "of h nothing would stay"


# -- decisions -------------------------------------------------------------------------------------------------------


@pytest.fixture
def decided(make_facts: MakeFacts) -> Callable[..., Decision]:
    def make(label: str = "customer/2025", category: str = "accounting_vouchers", **more: object) -> Decision:
        facts = make_facts(category, **more)
        assert facts.entry is not None
        findings = tuple(
            Finding(facts.collection.ref, name, Status.CONFIRMED, "mobile", False, 1, 0, (), (), (), ())
            for name in ("amount", "phone", "email")
        )
        return decide(
            replace(facts, entry=replace(facts.entry, minimise=FORMS), findings=findings), Label.parse(label), 1
        )

    return make


def test_in_a_record_that_stays_a_part_of_what_is_needed_and_of_what_is_not_may_stay(
    decided: Callable[..., Decision],
) -> None:
    decision = decided(custody="in_place")
    assert decision.in_part == FORMS
    assert "amount" in decision.needed_fields
    (said,) = [one for one in decision.reasons if "register says" in one.says]
    assert (said.rule, said.prevails, said.step) == ("RET-PIPL-19", True, "P5")
    assert said.says.endswith("amount (band:100), email (first:3), phone (token)")


def test_in_a_record_that_is_sealed_later_only_tokens_stand_until_then(decided: Callable[..., Decision]) -> None:
    assert decided().in_part == (("phone", TOKEN),)
    assert decided(elements=(("order_no", "voucher_number"), ("ordered_on", "voucher_date"), ("amount", "amount"),
                             ("phone", "amount"))).in_part == (), "what is needed is sealed whole"  # fmt: skip


def test_of_a_childs_record_that_goes_at_once_only_a_token_stays(decided: Callable[..., Decision]) -> None:
    assert decided("minor", "customer_contact").in_part == (("phone", TOKEN),)
    assert decided("customer", "customer_contact").in_part == ()
