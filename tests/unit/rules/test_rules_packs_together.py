"""Packs that a deployment loads together: a client's own beside the law's, and what such a pack may not do."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from winddown.domain.errors import Refused
from winddown.domain.rule import Period
from winddown.rules.loader import load_pack, load_rulebook
from winddown.settings import load

PROMISES = Path(__file__).parents[3] / "docs" / "packs" / "promises"


@pytest.fixture
def promises(tmp_path: Path) -> Path:
    return Path(shutil.copytree(PROMISES, tmp_path / "promises"))


def edit(path: Path, change: dict[str, Any]) -> None:
    content = yaml.safe_load(path.read_text("utf-8"))
    (content["rules"][0] if "rules" in content else content).update(change)
    path.write_text(yaml.safe_dump(content, allow_unicode=True), "utf-8")


def test_the_setting_names_packs_by_name_or_path() -> None:
    assert load({}).rule_packs == ("cn",)
    assert load({"WINDDOWN_RULE_PACKS": f"cn, {PROMISES}"}).rule_packs == ("cn", str(PROMISES))
    book = load_rulebook(load({"WINDDOWN_RULE_PACKS": f"cn,{PROMISES}"}).rule_packs)
    assert book.name == "cn 2026.11.1, promises 2026.11.1"
    assert book.rule("PROMISE-NOTICE-2Y").period == Period(years=2)


def test_no_pack_at_all_is_refused() -> None:
    with pytest.raises(Refused, match="no rule pack"):
        load_rulebook(load({"WINDDOWN_RULE_PACKS": " , "}).rule_packs)


@pytest.mark.parametrize("kind", ["min_retention", "must_delete", "legal_hold", "stop_processing"])
def test_a_promise_that_is_no_maximum_is_refused_with_file_and_rule(promises: Path, kind: str) -> None:
    needs = {"needs": ["whole_record"]} if kind == "min_retention" else {}
    edit(promises / "privacy_notice.yaml", {"kind": kind, **needs})
    with pytest.raises(Refused, match=r"privacy_notice\.yaml: rule PROMISE-NOTICE-2Y: a promise is a maximum"):
        load_pack(str(promises))


def test_a_promise_quotes_the_words_that_were_published(promises: Path) -> None:
    path = promises / "privacy_notice.yaml"
    path.write_text(path.read_text("utf-8").replace("满两年", "满三年"), "utf-8")
    with pytest.raises(Refused, match="these are not the words"):
        load_pack(str(promises))


def test_a_pack_that_says_otherwise_who_a_company_is_is_refused(promises: Path) -> None:
    """Else it could free the company from the law: nobody would be `all_companies` any more."""
    edit(promises / "pack.yaml", {"subjects": {"all_companies": {"always": False}}})
    with pytest.raises(Refused, match=r"pack\.yaml of promises: field subjects\.all_companies"):
        load_rulebook(("cn", str(promises)))


@pytest.mark.parametrize("text", ["PT6H", "P", "P6X"])
def test_how_often_rules_are_read_again_is_a_period(promises: Path, text: str) -> None:
    edit(promises / "pack.yaml", {"review_every": text})
    with pytest.raises(Refused, match=r"pack\.yaml: field review_every"):
        load_pack(str(promises))


def test_how_often_rules_are_read_again_may_be_left_out(promises: Path) -> None:
    content = yaml.safe_load((promises / "pack.yaml").read_text("utf-8"))
    del content["review_every"]
    (promises / "pack.yaml").write_text(yaml.safe_dump(content, allow_unicode=True), "utf-8")
    assert load_pack(str(promises)).review_every is None
    assert load_pack("cn").review_every == Period(months=6)
