"""Who may do what, cell by cell; and what makes somebody what they are in a case."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest

from winddown.domain.access import ALLOWED, Action, Role, require, roles_of
from winddown.domain.case import Case, Person, Recipient
from winddown.domain.disposition import Facts
from winddown.domain.errors import Refused

ROLES = (Role.ENGINEER, Role.APPROVER, Role.OFFICER, Role.AUDITOR, Role.CUSTODIAN)
TABLE = {
    "open": "x x x x x",
    "read": "x x x x x",
    "explain": "x x x x .",
    "read_evidence": "x x x x x",
    "approve": ". x . . .",
    "bring_signature": "x x x . .",
    "acknowledge": ". . . . x",
    "place_hold": ". x x . x",
    "release_hold": ". x x . .",
    "halt": "x x x . .",
    "resume": ". x x . .",
    "restore": "x x x . x",
    "erase_traces": "x . x . .",
    "clear_scheduler": "x . x . .",
}


@pytest.mark.parametrize("action", list(Action))
def test_each_role_may_do_what_its_cell_says(action: Action) -> None:
    assert set(ALLOWED) == set(Action)
    for role, cell in zip(ROLES, TABLE[action].split(), strict=True):
        if cell == "x":
            require(action, frozenset({role}), person_id="p", case_id="c")
            require(action, frozenset(Role), person_id="p", case_id="c")
            continue
        with pytest.raises(Refused, match=f"p may not {action.replace('_', ' ')} in case c") as refused:
            require(action, frozenset({role}), person_id="p", case_id="c")
        assert refused.value.rule == "roles of the product"
    with pytest.raises(Refused):
        require(action, frozenset(), person_id="p", case_id="c")


@pytest.fixture
def case(make_facts: Callable[..., Facts]) -> Case:
    roles = ("liquidation_group", "administrator", "pi_officer", "legal", "counsel", "steward", "auditor", "custodian")
    people = tuple(Person(role, role, role) for role in (*roles, "receiver"))
    found = make_facts().case
    custodian = replace(found.custodian, person="custodian")
    return replace(found, people=people, approvers=("legal", "ghost"), custodian=custodian)


def roles(case: Case, person: str) -> set[str]:
    return {role.value for role in roles_of(case, person, engineers=("ops", "steward"), auditors=("eve",))}


@pytest.mark.parametrize(
    ("person", "found"),
    [
        ("liquidation_group", {"officer"}),
        ("administrator", {"officer"}),
        ("pi_officer", {"officer"}),
        ("legal", {"officer", "approver"}),
        ("counsel", {"officer"}),
        ("steward", {"officer", "engineer"}),
        ("auditor", {"auditor"}),
        ("custodian", {"custodian"}),
        ("receiver", set()),
        ("ops", {"engineer"}),
        ("eve", {"auditor"}),
        ("ghost", set()),  # named as an approver, and not among the people
        ("stranger", set()),
        ("", set()),
    ],
)
def test_a_person_is_what_the_case_and_the_settings_say(case: Case, person: str, found: set[str]) -> None:
    assert roles(case, person) == found


def test_who_receives_for_a_recipient_may_do_what_a_custodian_may(case: Case) -> None:
    recipient = Recipient("designated_body", "receiver", "示例机构", "receiver@example.com", "", date(2026, 10, 1))
    assert roles(replace(case, recipients=(recipient,)), "receiver") == {"custodian"}


def test_a_custodian_who_is_not_among_the_people_receives_nothing(case: Case) -> None:
    assert roles(replace(case, custodian=replace(case.custodian, person="somebody")), "somebody") == set()
