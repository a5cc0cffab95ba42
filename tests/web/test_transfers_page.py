"""Data abroad on the case's page: what an officer needs to act, and nothing about any customer."""

import html
import re
from dataclasses import replace
from datetime import date

from winddown.domain.border import Means
from winddown.domain.transfer import Count, FilingCheck, Owed, TransferCheck, TransferPath
from winddown.rules.loader import load_rulebook
from winddown.web.app import _environment
from winddown.web.transfers import transfers_view

RULEBOOK = load_rulebook(("cn",))
RULE = RULEBOOK.rule("XB-PATH-SCC-CERT")
CHECK = TransferCheck(
    path=TransferPath("XB-7", RULE.id, RULE.basis.citation, needs_filing=True, sentence="Standard contract: 1 person"),
    recipient="Parent <GmbH>",
    country="DE",
    means=Means.PROVIDED,
    judged_on=date(2026, 11, 23),
    sensitive=Count(12, 12),
    other=Count(345, 345),
    filings=(FilingCheck("F-3", counts=False, why="expired after 2026-11-22", citation="", until=date(2026, 11, 22)),),
    owed=(Owed("XB-ALWAYS-PIA", "影响评估", "个人信息保护法第五十五条", None),),
    confirmed_on=None,
    is_ahead=False,
)


def text_of(*checks: TransferCheck) -> str:
    template = _environment().get_template("_transfers.html")
    page = template.render(case={"transfers": transfers_view(RULEBOOK, checks)})
    assert "<GmbH>" not in page
    return html.unescape(" ".join(re.sub(r"<[^>]*>", " ", page).split()))


def test_it_says_counts_path_citation_and_what_is_missing() -> None:
    text = text_of(CHECK)
    for said in (
        "XB-7", "Parent <GmbH>, DE", "2026: 345", "sensitive: 12", RULE.basis.citation, RULE.id, RULE.basis.quote,
        "F-3: expired after 2026-11-22", "filing needed", "XB-ALWAYS-PIA", "个人信息保护法第五十五条",
        "confirmation of deletion", "holds up the final report alone",
    ):  # fmt: skip
        assert said in text, said
    assert "lower bound" not in text


def test_a_lower_bound_says_so_and_which_path_it_may_be() -> None:
    unsure = replace(
        CHECK,
        other=Count(345, None),
        path=replace(CHECK.path, could_be="XB-PATH-ASSESS"),
        confirmed_on=date(2026, 8, 3),
    )
    text = text_of(unsure)
    for said in ("at least 345", "a lower bound", "count to be confirmed XB-PATH-ASSESS", "2026-08-03"):
        assert said in text, said
    assert "confirmation of deletion" not in text


def test_where_a_filing_counts_nothing_is_needed() -> None:
    good = FilingCheck("F-4", counts=True, why="valid until 2028-01-01", citation="", until=None, suffices=True)
    text = text_of(replace(CHECK, filings=(good,), path=replace(CHECK.path, could_be="XB-PATH-ASSESS")))
    assert "valid until 2028-01-01" in text
    assert "filing needed" not in text
    assert "to be confirmed" not in text


def test_without_transfers_there_is_nothing_to_read() -> None:
    assert text_of() == ""
