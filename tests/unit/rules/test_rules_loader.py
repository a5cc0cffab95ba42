"""The loader refuses, by name, what it does not fully understand."""

import json
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from winddown.domain.errors import Refused
from winddown.rules import loader
from winddown.rules.loader import load_pack, load_rulebook, rule_schema

CN = Path(loader.__file__).parent / "cn"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    shutil.copytree(CN, tmp_path / "cn")
    return tmp_path


def change(root: Path, rule_id: str, **fields: Any) -> None:
    """Set fields of one rule in its file; a dotted name reaches into a mapping, None for `...` removes."""
    for path in (root / "cn").glob("*.yaml"):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        for rule in content.get("rules", []):
            if rule["id"] == rule_id:
                for name, value in fields.items():
                    *outer, last = name.split("__")
                    target = rule[outer[0]] if outer else rule
                    if value is ...:
                        del target[last]
                    else:
                        target[last] = value
                path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"colour": "red"}, "field colour"),
        ({"basis__paragraph": "2"}, "field basis.paragraph"),
        ({"kind": "must_erase"}, "field kind"),
        ({"basis__authority_level": "rumour"}, "field basis.authority_level"),
        ({"verification__status": "sure"}, "field verification.status"),
        ({"verification": ...}, "field verification"),
        ({"basis__article": 47}, "field basis.article"),
        ({"basis__effective_from": "2021-13-01"}, "field basis.effective_from"),
        ({"priority": 0}, "field priority"),
        ({"priority": "20"}, "field priority"),
        ({"period": "30 years"}, "30 years"),
        ({"basis__quote": ...}, "quotes the words"),
        ({"data_category": ["personal_informaton"]}, "field data_category"),
        ({"applies_to": ["nobody"]}, "field applies_to"),
        ({"needs": ["shoe_size"]}, "field needs"),
        ({"verification__source": "XX"}, "field verification.source"),
        ({"start_event": "service_stoped"}, "service_stoped"),
        ({"requires_events": ["guardian_told"]}, "guardian_told"),
        ({"bound": "at_most"}, "end_event, bound and period"),
        ({"any_of": [[{"fact": "moon"}]]}, "field any_of"),
        ({"any_of": [[{"fact": "persons_other", "below": 1, "at_least": 1}]]}, "exactly one"),
    ],
)
def test_mistakes_name_file_rule_and_field(root: Path, fields: dict[str, Any], named: str) -> None:
    change(root, "DEL-PIPL-47-2", **fields)
    with pytest.raises(Refused) as caught:
        load_pack("cn", root)
    assert "deletion.yaml: rule DEL-PIPL-47-2" in caught.value.message
    assert named in caught.value.message


@pytest.mark.parametrize(
    ("rule_id", "fields", "named"),
    [
        ("RET-TAX-10Y", {"basis__quote": "应当保存11年"}, r"retention\.yaml: rule RET-TAX-10Y: field basis\.quote"),
        ("DEL-PIPL-47-2", {"basis__article": "第四十八条"}, r"rule DEL-PIPL-47-2: field basis\.article: no words"),
        (
            "RET-TAX-10Y",
            {"basis__authority_level": "law"},
            r"retention\.yaml: rule RET-TAX-10Y: field basis\.authority",
        ),
        (
            "RET-AML-ID-10Y",
            {"penalty__article": "反洗钱法第五十三条、第九十九条"},
            r"retention_finance\.yaml: rule RET-AML-ID-10Y: field penalty\.article: no words of 反洗钱法 第九十九条",
        ),
        ("SUP-CSL-21", {"supersedes": ["RET-LOG-6M"]}, "SUP-CSL-21"),
        ("RET-LOG-6M", {"supersedes": ["RET-LOG-6Y"]}, r"RET-LOG-6M: field supersedes: there is no rule RET-LOG-6Y"),
        ("RET-LOG-6M", {"supersedes": ["RET-LOG-6M"]}, r"retention_evidence\.yaml: rule RET-LOG-6M.*itself"),
        ("SUP-CSL-21", {"basis__effective_to": None}, "SUP-CSL-21, which is in force until today"),
        ("SUP-CSL-21", {"basis__effective_to": "2026-01-01"}, "field basis.effective_to of SUP-CSL-21"),
        ("RET-LOG-6M", {"basis__effective_from": "2026-02-30"}, r"rule RET-LOG-6M: field basis\.effective_from"),
        ("HO-AML-34", {"recipient": "the_moon"}, r"handover_finance\.yaml: rule HO-AML-34: field recipient.*the_moon"),
        ("HO-AML-34", {"recipient": ...}, r"handover_finance\.yaml: rule HO-AML-34.*names its recipient"),
        ("RET-LOG-6M", {"needs": ...}, r"retention_evidence\.yaml: rule RET-LOG-6M.*elements"),
        ("RET-ACC-UNSETTLED", {"until_event": "matter_closed"}, "matter_closed"),
        (
            "RET-PREPAID-5Y",
            {"basis__authority_level": "promise"},
            r"retention_insurance_credit\.yaml: rule RET-PREPAID-5Y.*never lengthens",
        ),
    ],
)
def test_what_contradicts_the_law_or_another_rule_is_refused(
    root: Path, rule_id: str, fields: dict[str, Any], named: str
) -> None:
    change(root, rule_id, **fields)
    with pytest.raises(Refused, match=named):
        load_pack("cn", root)


def test_rules_that_supersede_each_other_in_a_circle_are_refused(root: Path) -> None:
    # Each is in force before the other, so that nothing but the circle is wrong.
    change(root, "SUP-CSL-21", supersedes=["SUP-AML-5Y"])
    change(root, "SUP-AML-5Y", supersedes=["SUP-CSL-21"], basis__effective_to="2017-05-31")
    change(root, "RET-AML-ID-10Y", supersedes=[])
    with pytest.raises(Refused, match="SUP-CSL-21 supersedes itself through SUP-AML-5Y"):
        load_pack("cn", root)


def test_a_maximum_below_a_minimum_of_equal_authority_is_refused(root: Path) -> None:
    same = {"data_category": ["credit_adverse"], "applies_to": ["credit_reporting_agency"]}
    change(root, "RET-HRS-2Y", **same, period="P6Y", start_event="adverse_event_ended")
    with pytest.raises(Refused, match=r"RET-HRS-2Y \(at least P6Y\) and RET-CREDIT-ADVERSE-5Y \(at most P5Y\)"):
        load_pack("cn", root)
    change(root, "RET-HRS-2Y", basis__effective_to="2013-03-14", basis__effective_from="2010-01-01")
    assert load_pack("cn", root).rule("RET-HRS-2Y")  # never in force together


@pytest.mark.parametrize(
    ("file", "old", "new", "named"),
    [
        ("pending.yaml", "[RET-TAX-10Y]", "[RET-TAX-11Y]", r"pending\.yaml: PEND-TCAL: field affects.*RET-TAX-11Y"),
        ("pending.yaml", "    status: DIS 2026", "    state: DIS 2026", r"pending\.yaml: field status.*field state"),
        (
            "pack.yaml",
            "{fact: faces, at",
            "{fact: face, at",
            r"pack\.yaml: field subjects\.face_recognition_user\w*.*face",
        ),
        ("laws/tcal.yaml", "source: JL", "source: XX", "中华人民共和国税收征收管理法: field source"),
        ("laws/tcal.yaml", "authority_level: law", "authority_level: laws", r"laws/tcal\.yaml: field authority_level"),
    ],
)
def test_the_other_files_are_read_as_strictly(root: Path, file: str, old: str, new: str, named: str) -> None:
    path = root / "cn" / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(Refused, match=named):
        load_pack("cn", root)


def test_the_same_words_in_two_files_of_a_law_are_refused(root: Path) -> None:
    shutil.copy(root / "cn/laws/tcal.yaml", root / "cn/laws/copy.yaml")
    with pytest.raises(Refused, match="第六十条 is in two files"):
        load_pack("cn", root)


def test_packs_form_one_book_in_which_ids_and_subjects_mean_one_thing(root: Path) -> None:
    for name in ("eu", "hk", "us"):
        shutil.copytree(CN.parent / name, root / name)
    book = load_rulebook(str(root / name) for name in ("cn", "eu", "hk", "us"))
    assert len(book.rules) == sum(len(pack.rules) for pack in book.packs)
    rules = root / "hk/rules.yaml"
    rules.write_text(rules.read_text(encoding="utf-8").replace("DL-PDPO-19", "DL-GDPR-12"), encoding="utf-8")
    with pytest.raises(Refused, match="rule DL-GDPR-12 is in pack eu and in pack hk"):
        load_rulebook(str(root / name) for name in ("eu", "hk"))
    pack = root / "us/pack.yaml"
    pack.write_text(
        pack.read_text(encoding="utf-8").replace("us_data_holder: {}", "us_data_holder: {}\n  pi_handler: {}")
    )
    with pytest.raises(Refused, match=r"subjects\.pi_handler: another pack gives it another meaning"):
        load_rulebook(str(root / name) for name in ("cn", "us"))


def test_a_rule_id_stands_once_over_all_files(root: Path) -> None:
    shutil.copy(root / "cn/handover.yaml", root / "cn/more.yml")
    with pytest.raises(Refused, match=r"more\.yml: rule HO-PIPL-22: field id"):
        load_pack("cn", root)


def test_a_key_stands_once_in_a_mapping(root: Path) -> None:
    path = root / "cn/deletion.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("    period: P0D\n", "    period: P0D\n    period: P9D\n"))
    with pytest.raises(Refused, match=r"deletion\.yaml: line \d+: key period is written twice"):
        load_pack("cn", root)


@pytest.mark.parametrize("text", ["rules: {}", "rulez: []", "[]", "", "rules: [\n", "rules: [7]", "rules: []\nmore: 1"])
def test_a_file_of_another_shape_is_refused_by_name(root: Path, text: str) -> None:
    (root / "cn/odd.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(Refused, match=r"odd\.yaml"):
        load_pack("cn", root)


def test_a_yaml_tag_builds_nothing(root: Path) -> None:
    (root / "cn/odd.yaml").write_text("rules: !!python/object/apply:os.getcwd []", encoding="utf-8")
    with pytest.raises(Refused, match=r"odd\.yaml: no readable YAML"):
        load_pack("cn", root)


@pytest.mark.parametrize("pack_id", ["", "..", "../rules/cn", "xx", "CN"])
def test_unknown_packs_are_refused(pack_id: str) -> None:
    with pytest.raises(Refused, match="no rule pack"):
        load_pack(pack_id)


def test_an_empty_pack_is_refused(root: Path) -> None:
    for path in (root / "cn").glob("*.yaml"):
        if path.name not in {"pack.yaml", "calendar.yaml", "course.yaml", "notices.yaml"}:
            path.unlink()
    with pytest.raises(Refused, match="has no rules"):
        load_pack("cn", root)


def test_digest_ignores_files_order_and_comments(root: Path) -> None:
    before = load_pack("cn", root).digest
    rules = []
    for path in sorted((root / "cn").glob("*.yaml")):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        if "rules" in content:
            rules += content["rules"]
            path.unlink()
    merged = yaml.safe_dump({"rules": rules[::-1]}, allow_unicode=True, sort_keys=True)
    (root / "cn/all.yaml").write_text("# another comment\n" + merged, encoding="utf-8")
    assert load_pack("cn", root).digest == before == load_pack("cn").digest


def test_digest_changes_with_any_word(root: Path) -> None:
    before = load_pack("cn", root).digest
    change(root, "RET-TAX-10Y", period="P11Y")
    after_rule = load_pack("cn", root).digest
    pack = root / "cn/pack.yaml"
    pack.write_text(pack.read_text(encoding="utf-8").replace("2026.11.1", "2026.11.2"), encoding="utf-8")
    assert len({before, after_rule, load_pack("cn", root).digest}) == 3


def test_a_superseded_rule_stays_in_the_pack_and_out_of_force(root: Path) -> None:
    change(root, "XB-EX-5-4", basis__effective_to="2026-06-30")
    pack = load_pack("cn", root)
    assert pack.rule("XB-EX-5-4").in_force(date(2026, 6, 30))
    assert not pack.rule("XB-EX-5-4").in_force(date(2026, 7, 1))
    assert "XB-EX-5-4" not in {rule.id for rule in pack.in_force(date(2026, 7, 1))}


def test_a_rule_that_was_not_read_keeps_and_does_not_destroy(root: Path) -> None:
    change(root, "DEL-CHILD-23", verification__status="verified_secondary")
    change(root, "RET-TAX-10Y", verification__status="from_memory_unverified")
    pack = load_pack("cn", root)
    assert not pack.rule("DEL-CHILD-23").may_destroy
    assert not pack.rule("RET-TAX-10Y").may_keep
    assert pack.rule("RET-ACC-VOUCHER-30Y").may_keep


def test_schema_is_json_and_knows_every_required_field() -> None:
    schema = json.loads(json.dumps(rule_schema()))
    assert schema["additionalProperties"] is False
    assert {"id", "kind", "basis", "verification", "reviewed_on", "start_event", "period"} <= set(schema["required"])
