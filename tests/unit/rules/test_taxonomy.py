"""The taxonomy covers every kind, refuses what it does not understand, and judges stored findings anew."""

from pathlib import Path

import pytest

from winddown.detectors import ALL
from winddown.detectors.lexicon import OF_COMPANIES
from winddown.domain.errors import Refused
from winddown.domain.finding import Finding, Status, judged_by
from winddown.domain.inventory import CollectionRef
from winddown.domain.taxonomy import Nature
from winddown.rules.taxonomy import load_taxonomy

TAXONOMY = load_taxonomy()
SHIPPED = Path(__file__).parents[3] / "include/winddown/rules/taxonomy.yaml"


def changed(tmp_path: Path, old: str, new: str) -> Path:
    text = SHIPPED.read_text("utf-8")
    assert text.count(old) == 1, old
    path = tmp_path / "taxonomy.yaml"
    path.write_text(text.replace(old, new), "utf-8")
    return path


def test_every_kind_has_an_entry_and_every_entry_a_kind() -> None:
    assert {kind.id for kind in ALL} == set(TAXONOMY.kinds)


def test_kinds_of_companies_are_not_personal() -> None:
    assert {kind for kind, each in TAXONOMY.kinds.items() if each.nature is not Nature.PERSONAL} == OF_COMPANIES


def test_children_can_be_told_only_from_personal_kinds() -> None:
    assert {"birth_date", "age", "resident_id"} <= {kind for kind, each in TAXONOMY.kinds.items() if each.tells_age}


def test_special_categories_of_the_gdpr() -> None:
    special = {kind: each.gdpr_9 for kind, each in TAXONOMY.kinds.items() if each.gdpr_9}
    assert special["ethnicity"] == "origin"
    assert special["biometric"] == "biometric"
    assert special["diagnosis"] == "health"


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("  qq: {nature: personal,", "  qq: {nature: secret,", "taxonomy.yaml: kind qq: field nature"),
        ("  qq: {nature: personal,", "  qq: {nature: personal, colour: red,", "taxonomy.yaml: kind qq: field colour"),
        (
            "  qq: {nature: personal, gb_t_43697: 2",
            "  qq: {nature: personal, gb_t_43697: 5",
            "kind qq: field gb_t_43697",
        ),
        ("  qq: {", "  wechat: {", "written twice"),
        ("  uscc: {nature: neither,", "  uscc: {nature: neither, pipl_28: health,", "kind uscc: field nature"),
        ("version: 2026.11.1\n", "version: latest\n", "field version"),
        ("kinds:\n", "types:\n", "field kinds"),
    ],
)
def test_what_is_not_understood_is_refused(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    with pytest.raises(Refused, match=complaint):
        load_taxonomy(changed(tmp_path, old, new))


def test_the_digest_follows_the_content_and_not_the_comments(tmp_path: Path) -> None:
    commented = changed(tmp_path, "schemes:\n", "# a remark\nschemes:\n")
    assert load_taxonomy(commented).digest == TAXONOMY.digest
    other = changed(tmp_path, "  qq: {nature: personal,", "  qq: {nature: personal, pipl_28: whereabouts,")
    assert load_taxonomy(other).digest != TAXONOMY.digest


def finding(kind: str | None, *contains: str) -> Finding:
    ref = CollectionRef("shop", "customers")
    return Finding(ref, "f", Status.CONFIRMED, kind, False, 9, 0, ((kind or "qq", 9),), (), ("because",), (), contains)


def test_a_new_version_judges_a_stored_finding_without_its_data(tmp_path: Path) -> None:
    before = judged_by(finding("qq", "qq"), TAXONOMY)
    assert (before.sensitive, before.is_personal, before.taxonomy) == (False, True, TAXONOMY.version)
    newer = load_taxonomy(
        changed(tmp_path, "  qq: {nature: personal,", "  qq: {nature: personal, pipl_28: whereabouts,")
    )
    after = judged_by(before, newer)
    assert after.sensitive
    assert (after.kind, after.status, after.matches, after.reasons) == (
        before.kind,
        before.status,
        before.matches,
        before.reasons,
    )


def test_what_a_field_merely_contains_counts() -> None:
    assert judged_by(finding("mobile", "mobile", "resident_id"), TAXONOMY).sensitive
    company = judged_by(finding("uscc", "uscc"), TAXONOMY)
    assert not company.is_personal
    assert judged_by(finding("company_name", "company_name", "mobile"), TAXONOMY).is_personal


def test_an_unknown_kind_is_refused_rather_than_harmless() -> None:
    with pytest.raises(Refused, match="does not know the kind 'shoe_size'"):
        judged_by(finding("shoe_size"), TAXONOMY)
