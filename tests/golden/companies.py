"""Companies whose decisions are agreed: each a YAML file of what is known, and the decisions that follow from it."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import yaml

from winddown.domain.case import (
    AcceptedDate,
    Anonymisation,
    BackupDeclaration,
    Case,
    Custodian,
    Grace,
    Opinion,
    Person,
    Profile,
    Recipient,
    RegisterEntry,
    Subjects,
)
from winddown.domain.company import Company
from winddown.domain.decision import Decision
from winddown.domain.disposition import Facts, decide
from winddown.domain.finding import Finding, Status
from winddown.domain.inventory import Collection, CollectionRef, Field, Medium
from winddown.domain.label import Label
from winddown.domain.timeline import Timeline, TimelineEvent
from winddown.rules.loader import load_rulebook

FOLDER = Path(__file__).parent / "companies"
AS_OF = date(2026, 11, 23)
_MEDIA = {"table": Medium.TABLE, "objects": Medium.OBJECTS, "files": Medium.ROW_FILES}
_STATUSES = {"confirmed": Status.CONFIRMED, "ambiguous": Status.AMBIGUOUS}


def names() -> list[str]:
    """The companies, by the names of their files."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def decisions(name: str) -> list[Decision]:
    """Every decision of a company, in the order of its file."""
    return [decide(facts, label, 3) for facts, label in selections(name)]


def selections(name: str) -> Iterator[tuple[Facts, Label]]:
    """What is known about each collection of a company, with each label that its records carry."""
    document: dict[str, Any] = yaml.safe_load((FOLDER / f"{name}.yaml").read_text("utf-8"))
    rulebook = load_rulebook(document.get("packs", ("cn",)))
    case = _case(name, document)
    for row in document["collections"]:
        for label in row["labels"]:
            yield _facts(case, rulebook, row, document["profile"]["persons"]), Label.parse(label)


def _case(name: str, document: dict[str, Any]) -> Case:
    profile: Mapping[str, Any] = document["profile"]
    digest = "0" * 64
    return Case(
        id=name,
        company=Company("示例公司", "Example", "91310000MA1K35QT41"),
        profile=Profile(
            profile.get("route", "general"),
            tuple(profile["sectors"]),
            profile.get("critical_infrastructure", False),
            profile.get("important_data", False),
            (12, 31),
            faces=profile.get("faces", 0),
        ),
        people=(Person("chen", "陈", "liquidation_group"),),
        approvers=("chen",),
        grace=Grace(timedelta(days=7), "usual", "chen"),
        custodian=Custodian("he", "示例托管", "custody@example.com", "", date(2026, 10, 1)),
        stores=(),
        timeline=Timeline(
            tuple(TimelineEvent("S1", event, on, "event.txt", digest) for event, on in document["timeline"].items())
        ),
        accepted_dates=tuple(
            AcceptedDate(rule, event, "chen", digest) for rule, event in document.get("accepted_dates", {}).items()
        ),
        subjects=Subjects(CollectionRef("db", "customers"), "id", "born_on", "country"),
        register=(),
        transfers=(),
        opinions=tuple(_opinions(document.get("opinions", {}), None)),
        recipients=tuple(
            Recipient(role, "gu", "示例接收机构", "receiver@example.com", "", date(2026, 9, 1))
            for role in document.get("recipients", ())
        ),
    )


def _opinions(found: Mapping[str, str], ref: CollectionRef | None) -> Iterator[Opinion]:
    for rule, answer in found.items():
        yield Opinion(rule, ref, answer == "keeps", "zheng", date(2026, 9, 15), "0" * 64)


def _facts(case: Case, rulebook: Any, row: dict[str, Any], persons: int) -> Facts:
    ref = CollectionRef("db", row["name"])
    elements = tuple(
        (field, word)
        for field, words in row.get("elements", {}).items()
        for word in ([words] if isinstance(words, str) else words)
    )
    medium = _MEDIA[row.get("medium", "table")]
    names = () if medium is Medium.OBJECTS else ("id", "phone", "note", *dict(elements))
    fields = tuple(Field(name, "text", nullable=True) for name in names)
    expires = row.get("backup_until")
    entry = RegisterEntry(
        ref,
        row.get("category", ""),
        "purpose",
        "li",
        also=tuple(row.get("also", ())),
        about=row.get("about", "customers"),
        custody=row.get("custody", ""),
        elements=elements,
        backup=BackupDeclaration("db", date(2025, 11, 1), expires) if expires else None,
        anonymise=Anonymisation(tuple(row["anonymise"]["fields"].items()), row["anonymise"]["k"])
        if "anonymise" in row
        else None,
    )
    status = _STATUSES.get(row.get("findings", "confirmed"))
    counter = ("the header says serial",) if status is Status.AMBIGUOUS else ()
    finding = Finding(
        ref, "phone", status or Status.NONE, "mobile", False, 9, 0, (), (), ("looks like a phone",), counter
    )
    return Facts(
        case=replace(case, opinions=(*case.opinions, *_opinions(row.get("opinion", {}), ref))),
        collection=Collection(ref, medium, "table", ("id",), fields, (), 9, 9, 0, "f" * 64),
        entry=entry if row.get("category") else None,
        findings=(finding,) if status else (),
        blockers=(),
        rulebook=rulebook,
        as_of=AS_OF,
        persons=persons,
    )
