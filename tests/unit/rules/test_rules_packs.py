"""What every shipped pack promises a lawyer: each rule says where it stands, how surely, and since when."""

import re
from datetime import date, timedelta
from pathlib import Path

import pytest

from winddown.domain.rule import WHOLE_RECORD, AuthorityLevel, Override, Rule, RuleKind, VerificationStatus
from winddown.rules import loader
from winddown.rules.loader import load_pack, load_rulebook

NAMES = sorted(path.parent.name for path in Path(loader.__file__).parent.glob("*/pack.yaml"))
BOOK = load_rulebook(NAMES)
RULES = [pytest.param(rule, id=rule.id) for rule in BOOK.rules.values()]
CN = BOOK.packs[NAMES.index("cn")]
DECIDED_ON = date(2026, 11, 23)


def plain(text: str) -> str:
    return "".join(text.split())


@pytest.mark.parametrize("rule", RULES)
def test_says_where_it_stands_how_surely_and_when_it_was_reviewed(rule: Rule) -> None:
    assert rule.basis.law
    assert rule.basis.article or rule.kind is RuleKind.LEGAL_HOLD
    assert rule.verification.ref
    assert rule.reviewed_on == DECIDED_ON
    assert rule.in_force(DECIDED_ON) != rule.id.startswith("SUP-")


@pytest.mark.parametrize("rule", [each for each in RULES if each.values[0].verification.status == "verified"])
def test_a_verified_rule_quotes_its_stored_article_of_a_commit(rule: Rule) -> None:
    parts = rule.basis.article.split("、")
    texts = [
        article.text
        for (law, name), article in CN.articles.items()
        if law == rule.basis.law and any(part.startswith(name) for part in parts)
    ]
    assert any(plain(rule.basis.quote) in plain(text) for text in texts)
    assert "@" in rule.verification.source
    assert BOOK.article(rule) is not None


def test_every_penalty_of_the_chinese_pack_has_its_words() -> None:
    punished = [rule for rule in CN.rules.values() if rule.penalty is not None]
    assert len(punished) > 70
    for rule in punished:
        assert rule.penalty is not None
        law = ""
        for named, article in re.findall(r"([^第]*)(第[一二三四五六七八九十百零]+条(?:之一)?)", rule.penalty.article):
            law = named.strip("、") or law
            assert any(law in name and at == article for name, at in CN.articles), (rule.id, law, article)


def test_excerpts_are_marked_and_few() -> None:
    assert {article.law for article in CN.articles.values() if "……" in article.text} == {
        "个人信息保护政策法规问答（2026年4月）",
        "网络数据安全风险评估办法（网信办令第24号）",
    }


@pytest.mark.parametrize("rule", [each for each in RULES if each.values[0].keeps])
def test_a_duty_to_keep_says_in_its_notes_whether_it_needs_all_or_some_elements(rule: Rule) -> None:
    assert WHOLE_RECORD not in rule.needs or rule.needs == (WHOLE_RECORD,)
    assert re.search("product's reading|kept whole", " ".join(rule.notes.split())), rule.notes


def test_a_window_in_which_others_may_ask_keeps_nothing() -> None:
    windows = {rule.id for rule in BOOK.rules.values() if rule.kind is RuleKind.ADVISORY_HOLD}
    assert windows == {"RET-CUSTOMS-3Y", "RET-LIMITATION-3Y"}
    assert not any(BOOK.rule(rule).needs or BOOK.rule(rule).keeps for rule in windows)


def test_only_duties_whose_words_say_delete_may_destroy() -> None:
    today = {rule.id for rule in BOOK.in_force(DECIDED_ON) if rule.may_destroy}
    assert today == {
        "DEL-AUDITOR-13",
        "DEL-CHILD-16",
        "DEL-CHILD-20",
        "DEL-CHILD-23",
        "DEL-CIVIL-1037",
        "DEL-CREDIT-16",
        "DEL-ECL-24",
        "DEL-EXPRESS-35",
        "DEL-NDSR-24",
        "DEL-PIPL-21",
        "DEL-PIPL-47-1",
        "DEL-PIPL-47-2",
        "DEL-PIPL-47-3",
        "DEL-VIDEO-17",
    }
    assert all(re.search("删除|撤回同意|届满|不再必要|销毁|终止使用", BOOK.rule(rule).basis.quote) for rule in today)


def test_no_foreign_rule_destroys_or_keeps() -> None:
    for name in ("eu", "hk", "us"):
        pack = load_pack(name)
        assert all(rule.basis.authority_level is AuthorityLevel.FOREIGN_LAW for rule in pack.rules.values())
        assert not any(rule.may_destroy or rule.keeps for rule in pack.rules.values())


def test_only_laws_and_regulations_stand_against_deletion() -> None:
    below = {
        rule.id: rule.overrides_deletion
        for rule in BOOK.in_force(DECIDED_ON)
        if rule.keeps and rule.overrides_deletion is not Override.YES
    }
    delegated = {rule for rule, override in below.items() if override is Override.DELEGATED}
    assert delegated == {
        "RET-ACC-VOUCHER-30Y",
        "RET-ACC-REPORT-10Y",
        "RET-ACC-PERM",
        "RET-ACC-UNSETTLED",
        "RET-MED-OUT-15Y",
        "RET-MED-IN-30Y",
    }
    assert set(below) - delegated == {
        "RET-EC-MERCHANT-ID-3Y",
        "RET-EC-LIVE-3Y",
        "RET-COSM-MERCHANT-3Y",
        "RET-AD-3Y",
        "RET-TRAVEL-2Y",
        "RET-CATER-2Y",
        "RET-FACE-PIA-3Y",
        "RET-PREPAID-5Y",
    }


def test_what_was_not_read_may_not_keep_on_its_own() -> None:
    unsure = {rule.id for rule in BOOK.rules.values() if rule.keeps and not rule.may_keep}
    assert unsure == {"RET-AML-DNFBP", "RET-EC-MERCHANT-ID-3Y", "RET-AD-3Y", "RET-CATER-2Y"}
    assert {rule.id for rule in BOOK.rules.values() if rule.verification.status is VerificationStatus.INFERENCE} == {
        "RET-AML-DNFBP",
        "DEL-FACE-15",
    }


def test_what_must_be_handed_over_names_its_recipient() -> None:
    assert {rule.id: rule.recipient for rule in BOOK.rules.values() if rule.recipient} == {
        "HO-ACC-ARCHIVE": "custodian",
        "HO-ARCHIVE-16": "custodian",
        "HO-AML-34": "designated_body",
        "HO-BANKR-25": "administrator",
        "HO-LIQ-237": "administrator",
        "HO-CREDIT-12": "credit_agency",
        "HO-ESIGN-23": "certification_provider",
        "HO-FININST-28": "designated_body",
        "HO-FUND-102": "designated_body",
        "HO-LIFEINS-92": "insurer",
    }
    assert BOOK.rule("HO-BANKR-25").applies_to == BOOK.rule("HO-LIQ-237").applies_to == ("bankrupt_company",)


VERSIONS = {
    ("SUP-XB11-14", "XB-FILING-ASSESS"): "2024-03-22",  # an assessment's result good for two years, then for three
    ("SUP-CO-2018-183", "DL-CO-232-LIQGROUP"): "2024-07-01",
    ("SUP-AML-5Y", "RET-AML-ID-10Y"): "2025-01-01",
    ("SUP-AML-5Y-TXN", "RET-AML-TXN-10Y"): "2025-01-01",
    ("SUP-EXP-34", "DEL-EXPRESS-35"): "2025-06-01",
    ("SUP-CSL-21", "RET-LOG-6M"): "2026-01-01",
}


@pytest.mark.parametrize(("pair", "since"), VERSIONS.items(), ids=str)
def test_on_every_day_one_of_two_versions_binds(pair: tuple[str, str], since: str) -> None:
    earlier, later = pair
    first_day = date.fromisoformat(since)
    on_the_eve, on_the_day = BOOK.in_force(first_day - timedelta(days=1)), BOOK.in_force(first_day)
    assert {rule.id for rule in on_the_eve} & set(pair) == {earlier}
    assert {rule.id for rule in on_the_day} & set(pair) == {later}


def test_a_replaced_version_is_named_by_its_successor_and_keeps_its_own_period() -> None:
    for successor, earlier, then, now in (
        ("RET-AML-ID-10Y", "SUP-AML-5Y", "P5Y", "P10Y"),
        ("RET-AML-TXN-10Y", "SUP-AML-5Y-TXN", "P5Y", "P10Y"),
        ("XB-FILING-ASSESS", "SUP-XB11-14", "P2Y", "P3Y"),
        ("RET-LOG-6M", "SUP-CSL-21", "P6M", "P6M"),
    ):
        assert BOOK.rule(successor).supersedes == (earlier,)
        assert (str(BOOK.rule(earlier).period), str(BOOK.rule(successor).period)) == (then, now)


@pytest.mark.parametrize(
    ("persons", "faces", "sizes"),
    [
        (99_999, 0, {"small_pi_handler"}),
        (100_000, 0, set()),
        (999_999, 1, {"face_recognition_user"}),
        (1_000_000, 99_999, {"pi_handler_ge_1m", "pi_handler_1m_to_10m", "face_recognition_user"}),
        (9_999_999, 0, {"pi_handler_ge_1m", "pi_handler_1m_to_10m"}),
        (10_000_000, 0, {"pi_handler_ge_1m", "pi_handler_ge_10m"}),
        (0, 100_000, {"small_pi_handler", "face_recognition_user", "face_recognition_user_ge_100k"}),
    ],
)
def test_size_classes_include_the_number_itself(persons: int, faces: int, sizes: set[str]) -> None:
    profile: dict[str, bool | int | str] = {
        "persons": persons,
        "faces": faces,
        "important_data": False,
        "critical_infrastructure": False,
        "route": "general",
        "legal_form": "company",
        "processes_minors": False,
        "algorithm_filed": False,
        "exports_personal_information": False,
    }
    always = {name for name, subject in CN.subjects.items() if subject.is_always}
    assert BOOK.subjects(frozenset(), profile) - always == sizes | {"company", "taxpayer_that_deregisters"}


def test_route_and_kind_of_data_make_subjects_and_a_sector_is_declared() -> None:
    profile: dict[str, bool | int | str] = {
        "persons": 500_000,
        "faces": 0,
        "important_data": True,
        "critical_infrastructure": True,
        "route": "bankruptcy",
        "legal_form": "company",
        "processes_minors": False,
        "algorithm_filed": False,
        "exports_personal_information": False,
    }
    found = BOOK.subjects(frozenset({"medical_institution", "gdpr_controller"}), profile)
    assert found >= {"important_data_handler", "cii_operator", "bankrupt_company", "medical_institution"}
    assert "gdpr_controller" in found
    assert not found & {"insurer", "pi_handler_ge_1m", "gdpr_processor"}


def test_announced_changes_point_at_the_rules_they_touch() -> None:
    assert {change.id: change.affects for change in CN.pending} == {
        "PEND-LARGE": (),
        "PEND-EBL": ("HO-BANKR-25",),
        "PEND-GB46864": (),
        "PEND-27555": (),
        "PEND-TCAL": ("RET-TAX-10Y",),
    }


def test_two_halves_of_one_sentence_are_rules_of_their_own_categories() -> None:
    for one, other in (
        ("RET-FOOD-6M", "RET-FOOD-2Y"),
        ("RET-APPRAISAL-15Y", "RET-APPRAISAL-30Y"),
        ("RET-INS-SHORT-5Y", "RET-INS-LONG-10Y"),
        ("RET-MED-OUT-15Y", "RET-MED-IN-30Y"),
        ("RET-EC-PLATFORM-3Y", "RET-EC-LISTING-3Y"),  # one sentence, and only a transaction has a buyer
    ):
        assert not set(BOOK.rule(one).data_category) & set(BOOK.rule(other).data_category)


def test_a_duty_without_an_end_has_no_period() -> None:
    endless = {rule.id: rule.until_event for rule in BOOK.rules.values() if rule.keeps and rule.period is None}
    assert endless == {"RET-ACC-PERM": None, "RET-AD-DUTY": None, "RET-ACC-UNSETTLED": "matter_settled"}


def test_platform_transactions_need_their_elements_and_not_the_person_behind_them() -> None:
    rule = BOOK.rule("RET-EC-PLATFORM-3Y")
    assert {"item", "price", "buyer", "delivery"} <= set(rule.needs)
    assert set(rule.core) == {"order_number", "item", "price", "buyer"}
    assert rule.applies_to == ("ecommerce_platform_operator",)  # a brand's own shop is none
