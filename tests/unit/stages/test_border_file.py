"""What a case file says about data abroad, and what it may not say."""

import copy
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from winddown.domain.border import Filing, Means
from winddown.domain.errors import Refused
from winddown.stages.case_file import read_case_file

EVIDENCE = "evidence/event.txt"
FILING = {
    "id": "F-1",
    "kind": "certificate",
    "issued_on": date(2026, 2, 1),
    "valid_until": date(2029, 2, 1),
    "covers": ["XB-1"],
    "evidence": EVIDENCE,
}
LOGGED = {
    "transfer": "XB-1",
    "started_on": date(2026, 2, 1),
    "ended_on": date(2026, 3, 1),
    "persons": 7,
    "sensitive": False,
    "evidence": EVIDENCE,
}
COUNT = {
    "year": 2026,
    "sensitive_at_most": 0,
    "other_at_most": 9,
    "confirmed_by": "wu",
    "evidence": EVIDENCE,
}
Read = Callable[[dict[str, Any]], Any]


@pytest.fixture
def document(case_document: dict[str, Any]) -> dict[str, Any]:
    """A valid case with everything that can be said about data abroad."""
    case_document |= {"filings": [FILING], "export_log": [LOGGED], "confirmed_counts": [COUNT]}
    case_document["stores"][0]["accessed_from"] = ["JP"]
    case_document["transfers"][0] |= {
        "means": "remote_access",
        "origin": "abroad",
        "circumstances": ["free_trade_zone", "outside_negative_list"],
        "started_on": date(2025, 1, 1),
        "ended_on": date(2026, 5, 1),
        "met": [{"rule": "XB-ALWAYS-PIA", "on": date(2024, 12, 1), "evidence": EVIDENCE}],
        "deletion_confirmed": {"on": date(2026, 5, 1), "evidence": EVIDENCE},
    }
    return copy.deepcopy(case_document)


def test_all_of_it_is_read(write_case: Callable[[Any], Path], document: dict[str, Any]) -> None:
    case = read_case_file(write_case(document)).case
    (transfer,) = case.transfers
    assert (transfer.means, transfer.origin) == (Means.REMOTE_ACCESS, "abroad")
    assert transfer.circumstances == ("free_trade_zone", "outside_negative_list")
    assert (transfer.started_on, transfer.ended_on) == (date(2025, 1, 1), date(2026, 5, 1))
    assert [(met.rule, met.met_on, len(met.evidence_sha256)) for met in transfer.met] == [
        ("XB-ALWAYS-PIA", date(2024, 12, 1), 64)
    ]
    assert transfer.confirmation is not None
    assert transfer.confirmation.confirmed_on == date(2026, 5, 1)
    (filing,) = case.filings
    assert filing == Filing("F-1", "certificate", date(2026, 2, 1), date(2029, 2, 1), ("XB-1",), filing.evidence_sha256)
    assert [(found.persons, found.sensitive) for found in case.export_log] == [(7, False)]
    assert [(found.year, found.other_at_most) for found in case.confirmed_counts] == [(2026, 9)]
    assert case.stores[0].accessed_from == ("JP",)
    assert case.custodian.country == "CN"


@pytest.mark.parametrize(
    ("where", "change", "said"),
    [
        ("custodian", {"country": None}, "custodian.country: "),
        ("transfers", {"country": "CN"}, "transfers.0.country: CN is not abroad"),
        ("transfers", {"legal_basis": "because"}, "transfers.0.legal_basis: "),
        ("transfers", {"means": "pigeon"}, "transfers.0.means: "),
        ("transfers", {"circumstances": ["sunny"]}, "transfers.0.circumstances.0: "),
        ("transfers", {"ended_on": date(2024, 12, 31)}, "transfers.0.ended_on: it lies before started_on"),
        ("transfers", {"means": "custody"}, "transfers.0.country: custodian and recipients are in CN"),
        (
            "transfers",
            {"deletion_confirmed": {"on": date(2026, 4, 30), "evidence": EVIDENCE}},
            "transfers.0.deletion_confirmed.on: it lies before what it confirms",
        ),
        (
            "transfers",
            {"met": [{"rule": "XB-ALWAYS-PIA", "on": date(2026, 1, 1), "evidence": EVIDENCE}] * 2},
            "transfers.0.met: XB-ALWAYS-PIA is named twice",
        ),
        ("filings", {"covers": ["XB-9"]}, "filings.0.covers: XB-9 is no transfer of the case"),
        ("filings", {"covers": []}, "filings.0.covers: "),
        ("filings", {"kind": "letter"}, "filings.0.kind: "),
        ("filings", {"valid_until": date(2026, 1, 31)}, "filings.0.valid_until: it lies before issued_on"),
        ("export_log", {"transfer": "XB-9"}, "export_log.0.transfer: XB-9 is no transfer of the case"),
        ("export_log", {"ended_on": date(2026, 1, 31)}, "export_log.0.ended_on: it lies before started_on"),
        ("export_log", {"persons": "many"}, "export_log.0.persons: "),
        ("export_log", {"persons": -1}, "export_log.0.persons: "),
        ("confirmed_counts", {"confirmed_by": "chen"}, "confirmed_counts.0.confirmed_by: chen is no personal-"),
        ("transfers", {"evidence": "evidence/none.txt"}, "transfers.0.evidence: "),
        ("filings", {"evidence": "evidence/empty.txt"}, "filings.0.evidence: 'evidence/empty.txt' is empty"),
        ("export_log", {"evidence": "evidence/none.txt"}, "export_log.0.evidence: "),
        ("confirmed_counts", {"evidence": "evidence/none.txt"}, "confirmed_counts.0.evidence: "),
    ],
)
def test_what_it_may_not_say(
    write_case: Callable[[Any], Path], document: dict[str, Any], where: str, change: dict[str, Any], said: str
) -> None:
    place = document[where]
    (place if isinstance(place, dict) else place[0]).update(change)
    with pytest.raises(Refused) as refused:
        read_case_file(write_case(document))
    assert said in refused.value.message


@pytest.mark.parametrize(
    ("where", "said"),
    [("filings", "filings: F-1 is named twice"), ("confirmed_counts", "confirmed_counts: 2026 is named twice")],
)
def test_named_twice(write_case: Callable[[Any], Path], document: dict[str, Any], where: str, said: str) -> None:
    document[where] *= 2
    with pytest.raises(Refused) as refused:
        read_case_file(write_case(document))
    assert said in refused.value.message


def test_a_case_does_not_say_silently_where_its_custodian_is(
    write_case: Callable[[Any], Path], document: dict[str, Any]
) -> None:
    del document["custodian"]["country"]
    with pytest.raises(Refused, match=r"custodian\.country: Field required"):
        read_case_file(write_case(document))
