"""Every reason of the agreed decisions can be read in Chinese, with every day that the English has."""

import re
from datetime import date

import pytest

from winddown.domain.decision import Decision, Reason
from winddown.domain.disposition import Facts, decide
from winddown.domain.hold import Ground, LegalHold, Scope
from winddown.rules.sentences import said
from winddown.stages.silent import silent_rules

from . import test_golden_decisions
from .companies import names, selections

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_ENGLISH = re.compile(r"\b(?:the|is|it|until|of|by|must)\b")
_OF_SYSTEMS = {"store-down"}  # a blocker's own explanation names systems and is told as it was written


def decided(name: str) -> list[tuple[Facts, Decision]]:
    return [(facts, decide(facts, label, 1)) for facts, label in selections(name)]


def untold(reasons: list[Reason]) -> list[str]:
    """The sentences whose Chinese is missing, half English, or without one of the days."""
    found = []
    for reason in reasons:
        if reason.rule in _OF_SYSTEMS:
            continue
        zh = said(reason.says).zh
        is_whole = zh and set(_DAY.findall(zh)) == set(_DAY.findall(reason.says))
        if not is_whole or (reason.rule != "ambiguous-field" and _ENGLISH.search(zh)):
            found.append(f"{reason.rule}: {reason.says} → {zh}")
    return sorted(set(found))


@pytest.mark.parametrize("name", names())
def test_every_reason_of_a_company_is_told_in_chinese(name: str) -> None:
    assert untold([reason for _, found in decided(name) for reason in found.reasons]) == []


@pytest.mark.parametrize("name", names())
def test_every_rule_that_took_no_part_says_so_in_chinese(name: str) -> None:
    assert untold([reason for facts, decision in decided(name) for reason in silent_rules(facts, decision)]) == []


def test_every_reason_of_the_fixed_case_is_told_in_chinese() -> None:
    decisions: list[Decision] = test_golden_decisions.decisions()
    assert untold([reason for found in decisions for reason in found.reasons]) == []


@pytest.mark.parametrize("ground", Ground)
def test_why_a_record_is_held_is_told_in_chinese_for_every_ground(ground: Ground) -> None:
    covers = "the record, or one that refers to it, is under a legal hold; it stays with every field"
    hold = LegalHold("H-1", "甲", ground, "法院", "1", "li", date(2026, 6, 1), date(2027, 6, 1), Scope(company=True))
    for as_of in (date(2026, 7, 1), date(2027, 7, 1)):
        zh = said(f"{covers}; {hold.says(as_of)}").zh
        assert ground.zh in zh
        assert not _ENGLISH.search(zh)


def test_why_a_record_stays_that_others_refer_to_is_told_in_chinese() -> None:
    says = (
        "a record that stays refers to it; a steward resolves what keeps that one",
        "rows of a:orders, a:tickets that stay refer to them; resolve what keeps or blocks these, then plan again",
    )
    assert untold([Reason("referenced-record", "", one, prevails=True) for one in says]) == []
    assert "a:orders, a:tickets" in said(says[1]).zh


def test_what_a_database_server_could_not_clear_is_told_in_chinese() -> None:
    log = "statements that failed, and values that errors quote, in the server log (log_destination = stderr, none)"
    zh = said(f"store shop_db: not reached: {log}; files of replicas; backups").zh
    assert "shop_db" in zh
    assert not _ENGLISH.search(zh)
    assert "statements" not in zh


@pytest.mark.parametrize(
    "says", ["", "its format is not read", "the service stopped on Monday", "until service stopped"]
)
def test_what_is_not_in_the_catalogue_stays_english(says: str) -> None:
    assert said(says) == ("", says)
