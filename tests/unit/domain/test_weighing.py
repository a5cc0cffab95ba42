"""What may not be lost between two duties: questions, fields, receivers and sectors."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest

from winddown.domain.case import Case, Profile, Recipient
from winddown.domain.decision import Decision, Disposition
from winddown.domain.disposition import Facts, decide
from winddown.domain.inventory import Field
from winddown.domain.label import Label
from winddown.domain.timeline import Timeline

MakeFacts = Callable[..., Facts]
MakeCase = Callable[..., Case]
AS_OF = date(2026, 11, 23)
ELEMENTS = (("order_no", "voucher_number"), ("ordered_on", "voucher_date"), ("amount", "amount"))


def codes(decision: Decision) -> set[str]:
    return {reason.rule for reason in decision.reasons}


@pytest.fixture
def of_sector(
    make_facts: MakeFacts, make_case: MakeCase, make_timeline: Callable[[dict[str, date]], Timeline]
) -> Callable[..., Facts]:
    """Facts of a company of some sectors and route, whose service stopped, with these further categories."""

    def make(
        category: str, *sectors: str, also: tuple[str, ...] = (), route: str = "general", roles: tuple[str, ...] = ()
    ) -> Facts:
        stopped = make_timeline(
            {name: date(2026, 9, 30) for name in ("service_stopped", "dissolution_resolved", "bankruptcy_accepted")}
        )
        recipients = tuple(Recipient(role, "gu", "示例机构", "x@example.com", "", AS_OF) for role in roles)
        profile = Profile(route, sectors, False, False, (12, 31), persons=500)
        case = make_case(profile=profile, timeline=stopped, recipients=recipients)
        found = make_facts(category, case=case, as_of=AS_OF, elements=ELEMENTS)
        fields = tuple(Field(name, "text", nullable=True) for name in ("field0", *dict(ELEMENTS)))
        assert found.entry is not None
        return replace(
            found,
            entry=replace(found.entry, also=also),
            collection=replace(found.collection, fields=fields),
        )

    return make


def test_a_shorter_duty_on_the_whole_record_does_not_answer_for_a_window_on_it(of_sector: Callable[..., Facts]) -> None:
    facts = of_sector("auction_records", "auction_house", also=("accounting_vouchers", "contract_evidence"))
    label = Label.parse("customer/2022/contract_ended=2022-02/right_holder_knew=2026-05")
    decision = decide(facts, label, 1)
    assert (decision.disposition, decision.is_open) == (Disposition.STORE_ONLY, True)


def test_a_childs_fields_are_not_emptied_while_counsel_is_asked_whether_they_are_kept(
    of_sector: Callable[..., Facts],
) -> None:
    facts = of_sector("accounting_vouchers", "ecommerce_operator", also=("contract_evidence",))
    decision = decide(facts, Label.parse("minor/2025/right_holder_knew=2026-05"), 1)
    assert (decision.is_open, decision.at_once) == (True, False)
    assert decide(of_sector("accounting_vouchers", "ecommerce_operator"), Label.parse("minor/2025"), 1).at_once


def test_two_bodies_that_must_receive_the_same_records_stop_and_ask(of_sector: Callable[..., Facts]) -> None:
    facts = of_sector(
        "customer_identity_kyc", "nonbank_payment_institution", route="bankruptcy", roles=("administrator",)
    )
    decision = decide(facts, Label.parse("customer"), 1)
    assert decision.disposition is Disposition.BLOCKED
    assert {"several-recipients", "HO-AML-34", "HO-BANKR-25"} <= codes(decision)


@pytest.mark.parametrize(
    ("category", "also", "label", "expected"),
    [
        ("accounting_vouchers", (), "customer/2025", Disposition.HAND_OVER),
        ("contract_evidence", (), "customer/right_holder_knew=2026-05", Disposition.HAND_OVER),
        ("accounting_vouchers", (), "minor/2025", Disposition.HAND_OVER),
    ],
)
def test_a_hand_over_keeps_the_questions_that_other_duties_ask(
    of_sector: Callable[..., Facts], category: str, also: tuple[str, ...], label: str, expected: Disposition
) -> None:
    facts = of_sector(category, "ecommerce_operator", also=also, route="bankruptcy", roles=("administrator",))
    decision = decide(facts, Label.parse(label), 1)
    assert decision.disposition is expected
    assert decision.is_open == (label != "customer/2025")


def test_a_hand_over_without_the_elements_that_a_voucher_needs_is_blocked(of_sector: Callable[..., Facts]) -> None:
    facts = of_sector("accounting_vouchers", "ecommerce_operator", route="bankruptcy", roles=("administrator",))
    assert facts.entry is not None
    unmapped = replace(facts, entry=replace(facts.entry, elements=()))
    decision = decide(unmapped, Label.parse("customer/2025"), 1)
    assert decision.disposition is Disposition.BLOCKED
    assert "no-elements" in codes(decision)


def test_records_of_others_are_never_erased_by_a_hand_over(of_sector: Callable[..., Facts]) -> None:
    facts = of_sector("merchant_identity", "ecommerce_platform_operator", route="bankruptcy", roles=("administrator",))
    assert facts.entry is not None
    facts = replace(facts, entry=replace(facts.entry, about="merchants"))
    decision = decide(facts, Label.parse("other/merchant_exited_platform=2020-01"), 1)
    assert decision.disposition is Disposition.BLOCKED
    assert "not-customers" in codes(decision)


@pytest.mark.parametrize("category", ["outpatient_records", "customer_identity_kyc", "insurance_long_records"])
def test_a_forgotten_sector_blocks_and_does_not_cancel_its_duties(
    of_sector: Callable[..., Facts], category: str
) -> None:
    decision = decide(of_sector(category, "ecommerce_operator"), Label.parse("customer"), 1)
    assert (decision.disposition, codes(decision)) == (Disposition.BLOCKED, {"no-duty-for-sector"})
