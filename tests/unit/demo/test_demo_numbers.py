from datetime import date
from random import Random

import phonenumbers
import pytest
import yaml
from stdnum import luhn
from stdnum.cn import ric, uscc

from winddown.demo import numbers
from winddown.demo.company import Company
from winddown.demo.people import draw_cast, draw_person
from winddown.demo.truth import Owner, owner_of
from winddown.domain.errors import Refused


def test_resident_ids_pass_the_oracle_and_carry_the_birth_date() -> None:
    cast = draw_cast(500, seed=3)
    people = [draw_person(cast, index) for index in range(500)]
    chinese = [one for one in people if one.resident_id]
    assert len(chinese) > 450
    for one in chinese:
        assert one.resident_id is not None
        assert ric.calc_check_digit(one.resident_id) == one.resident_id[-1]
        assert ric.get_birth_date(one.resident_id) == one.born_on


def test_cards_pass_luhn_and_carry_a_known_prefix() -> None:
    rng = Random(5)  # noqa: S311 - a reproducible draw
    for _ in range(500):
        card = numbers.card_number(rng)
        assert luhn.is_valid(card)
        assert len(card) in {16, 19}
        assert card.startswith(numbers.BANK_PREFIXES)


def test_mobiles_are_valid_and_unique() -> None:
    drawn = {numbers.mobile(counter) for counter in range(2000)}
    assert len(drawn) == 2000
    assert all(phonenumbers.is_valid_number(phonenumbers.parse(one, "CN")) for one in drawn)


def test_member_and_order_numbers_are_traps() -> None:
    members = {numbers.member_number(counter) for counter in range(2000)}
    assert len(members) == 2000
    assert all(len(one) == 11 and "13" <= one[:2] <= "19" for one in members)
    orders = {numbers.order_number(date(2025, 3, 4), counter) for counter in range(2000)}
    assert len(orders) == 2000
    assert all(len(one) == 18 and one.startswith("20250304") for one in orders)


def test_hong_kong_ids_have_a_weighted_sum_divisible_by_eleven() -> None:
    rng = Random(5)  # noqa: S311 - a reproducible draw
    for _ in range(200):
        card = numbers.hong_kong_id(rng)
        last = 10 if card[8] == "A" else int(card[8])
        weighted = sum(int(digit) * weight for digit, weight in zip(card[1:7], range(7, 1, -1), strict=True))
        assert (36 * 9 + (ord(card[0]) - 55) * 8 + weighted + last) % 11 == 0


def test_the_company_has_a_valid_credit_code(company: Company) -> None:
    case = yaml.safe_load((company.directory / "case.yaml").read_text(encoding="utf-8"))
    assert uscc.is_valid(case["company"]["uscc"])


@pytest.mark.parametrize("customers", [20, 60, 200, 3000])
@pytest.mark.parametrize("seed", range(5))
def test_every_part_is_played(customers: int, seed: int) -> None:
    cast = draw_cast(customers, seed=seed)
    assert len(cast.held) >= max(3, customers * 0.005)
    assert cast.held & cast.children
    assert cast.held & cast.overseas
    assert cast.children - cast.held
    assert cast.scanned & cast.held
    assert cast.scanned & (cast.children - cast.held)


def test_children_are_under_fourteen_when_the_service_stops_and_nobody_else_is() -> None:
    cast = draw_cast(2000, seed=1)
    for index in range(2000):
        person = draw_person(cast, index)
        assert (person.born_on > date(2012, 5, 31)) == (person.customer_id in cast.children)
        assert (person.country != "CN") == (person.customer_id in cast.overseas)
    assert {owner_of(cast, one) for one in cast.held} == {Owner.HELD}


def test_a_person_does_not_depend_on_the_order_of_asking() -> None:
    cast = draw_cast(100, seed=1)
    later = draw_person(cast, 42).name
    assert [draw_person(cast, index).name for index in range(50)][42] == later
    assert "name" not in repr(draw_person(cast, 42))


def test_a_company_without_room_for_every_part_is_refused() -> None:
    with pytest.raises(Refused):
        draw_cast(19, seed=1)
