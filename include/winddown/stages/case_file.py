"""The case file: YAML or the trigger form's JSON, validated strictly before anything happens.

Unknown keys, a wrong check digit, dates in the wrong order, an approver named twice, a missing evidence file: each is
refused with the name of the field. Nothing is guessed and nothing has a silent default.
"""

import csv
import hashlib
import io
import itertools
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from winddown.domain import case as domain
from winddown.domain.approval import approver_roles
from winddown.domain.company import Company
from winddown.domain.errors import Refused
from winddown.domain.event import dated_in_timeline
from winddown.domain.inventory import CollectionRef
from winddown.domain.timeline import Timeline, TimelineEvent
from winddown.stages.case_model import CaseModel, HoldModel, RegisterModel

# Each event may not lie before the ones that it follows.
_ORDER = (
    "snapshot_taken",
    "dissolution_resolved",
    "liquidation_group_formed",
    "creditors_announced",
    "claims_window_closed",
    "tax_cleared",
)
_FOLLOWS = {
    "dissolution_publicised": "dissolution_resolved",
    "group_listed": "liquidation_group_formed",
    "creditors_notified": "liquidation_group_formed",
    "service_stopped": "stop_notice_published",
    "simplified_notice_ended": "simplified_notice_published",
    "forced_notice_ended": "forced_notice_published",
    "destruction_released": "bankruptcy_accepted",
    "bankruptcy_terminated": "bankruptcy_accepted",
    "deregistered": "deregistration_applied",
}


@dataclass(frozen=True, slots=True)
class DeclaredHold:
    """A hold as the case file declares it, with the keys of its persons still in clear, in memory only."""

    id: str
    matter: str
    ground: str
    steward: str
    placed_on: date
    review_on: date
    subjects: tuple[str, ...]

    def __repr__(self) -> str:
        return f"DeclaredHold({self.id}, {len(self.subjects)} subjects)"


@dataclass(frozen=True, slots=True)
class CaseFile:
    """A validated case file."""

    case: domain.Case
    holds: tuple[DeclaredHold, ...]


class _KeysOnce(yaml.SafeLoader):
    """YAML would silently take the last of two equal keys; a case file may not say one thing twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [str(self.construct_object(key, deep=True)) for key, _ in node.value]
        twice = sorted({key for key in keys if keys.count(key) > 1})
        if twice:
            raise Refused(f"case_file: line {node.start_mark.line + 1}: {', '.join(twice)} is written twice")
        return super().construct_mapping(node, deep=deep)


def read_case_file(path: Path) -> CaseFile:
    """Read a YAML case file; relative names in it are relative to its folder."""
    try:
        # The loader derives from SafeLoader, so no tag can construct an object.
        raw = yaml.load(path.read_text("utf-8"), Loader=_KeysOnce)  # noqa: S506
    except OSError as error:
        raise Refused(f"case_file: {path.name} cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise Refused(f"case_file: {path.name} is not UTF-8") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark else ""
        raise Refused(f"case_file: {path.name} is not YAML{where}") from None
    return parse_case(raw, path.parent)


def parse_case(raw: Any, folder: Path) -> CaseFile:
    """Validate a case document; raises Refused naming every field that is wrong."""
    try:
        model = CaseModel.model_validate(raw)
    except ValidationError as error:
        raise Refused(
            "the case file is not valid: " + "; ".join(_sentences(error)),
            rule="strict case validation",
            next_step="correct these fields; nothing has happened",
        ) from None
    problems = _problems(model)
    if problems:
        raise Refused(
            "the case file is not valid: " + "; ".join(problems),
            rule="strict case validation",
            next_step="correct these fields; nothing has happened",
        )
    return CaseFile(
        _case(model, folder),
        tuple(_hold(found, index, folder, key=model.subjects.key) for index, found in enumerate(model.holds)),
    )


def _sentences(error: ValidationError) -> list[str]:
    return [
        f"{'.'.join(str(part) for part in found['loc']) or 'case'}: {found['msg']}"
        for found in error.errors(include_url=False, include_input=False)
    ]


def _problems(model: CaseModel) -> list[str]:
    return [
        *_duplicates("people", [person.id for person in model.people]),
        *_duplicates("approvers", list(model.approvers)),
        *_duplicates("stores", [store.name for store in model.stores]),
        *_duplicates("register", [entry.collection for entry in model.declared]),
        *_duplicates("timeline", [event.event for event in model.timeline]),
        *_duplicates("holds", [hold.id for hold in model.holds]),
        *_duplicates("transfers", [transfer.id for transfer in model.transfers]),
        *_duplicates("accepted_dates", [accepted.rule for accepted in model.accepted_dates]),
        *_people_problems(model),
        *_date_problems(model),
        *_reference_problems(model),
    ]


def _duplicates(field: str, values: Sequence[str]) -> list[str]:
    repeated = sorted({value for value in values if values.count(value) > 1})
    return [f"{field}: {value} is named twice" for value in repeated]


def _people_problems(model: CaseModel) -> list[str]:
    roles = {person.id: person.role for person in model.people}
    problems = [f"approvers: {name} is not in people" for name in model.approvers if name not in roles]
    if (model.profile.route == "simplified") != (model.exclusions is not None):
        problems.append("exclusions: the simplified route, and no other, declares the facts that would close it")
    present = {roles.get(name) for name in model.approvers}
    problems += [
        f"approvers: nobody with role {role} is among them"
        for role in approver_roles(model.profile.route)
        if role not in present
    ]
    named = [("grace.accepted_by", model.grace.accepted_by), ("custodian.person", model.custodian.person)]
    named += [(f"register.{i}.steward", entry.steward) for i, entry in enumerate(model.declared)]
    named += [(f"holds.{i}.steward", hold.steward) for i, hold in enumerate(model.holds)]
    named += [(f"accepted_dates.{i}.accepted_by", found.accepted_by) for i, found in enumerate(model.accepted_dates)]
    problems += [f"{field}: {name} is not in people" for field, name in named if name not in roles]
    if roles.get(model.custodian.person, "custodian") != "custodian":
        problems.append(f"custodian.person: {model.custodian.person} has role {roles[model.custodian.person]}")
    if model.grace.duration <= timedelta(0):
        problems.append("grace.duration: must be longer than nothing")
    return problems


def _date_problems(model: CaseModel) -> list[str]:
    where = {event.event: (index, event.on) for index, event in enumerate(model.timeline)}
    problems = [
        f"timeline.{index}.event: {event.event!r} is no known event"
        for index, event in enumerate(model.timeline)
        if not dated_in_timeline(event.event)
    ]
    present = [name for name in _ORDER if name in where]
    pairs = [*itertools.pairwise(present), *((before, after) for after, before in _FOLLOWS.items())]
    for before, after in pairs:
        if before in where and after in where and where[after][1] < where[before][1]:
            index, on = where[after]
            problems.append(f"timeline.{index}.on: {after} {on} lies before {before} {where[before][1]}")
    for index, hold in enumerate(model.holds):
        if hold.review_on <= hold.placed_on:
            problems.append(f"holds.{index}.review_on: {hold.review_on} is not after placed_on {hold.placed_on}")
    for index, entry in enumerate(model.declared):
        if entry.backup is not None and entry.backup.expires_on <= entry.backup.taken_on:
            problems.append(f"register.{index}.backup.expires_on: it is not after taken_on")
    return problems


def _reference_problems(model: CaseModel) -> list[str]:
    stores = {store.name for store in model.stores}
    named = [("subjects.collection", model.subjects.collection)]
    named += [(f"register.{i}.collection", entry.collection) for i, entry in enumerate(model.declared)]
    named += [(f"transfers.{i}.collection", found.collection) for i, found in enumerate(model.transfers)]
    problems = [
        f"{field}: store {ref.partition(':')[0]!r} is not declared"
        for field, ref in named
        if ref.partition(":")[0] not in stores
    ]
    registered = {entry.collection for entry in model.declared}
    if model.subjects.collection not in registered:
        problems.append(f"subjects.collection: {model.subjects.collection} is not in the register")
    for index, entry in enumerate(model.declared):
        link = entry.subject
        if link is not None and bool(link.field) == bool(link.pattern):
            problems.append(f"register.{index}.subject: give either field or pattern")
        if link is not None and link.via is not None and (not link.target or link.via not in registered):
            problems.append(f"register.{index}.subject.via: needs a registered collection and its target field")
        if entry.backup is not None and entry.backup.of not in stores:
            problems.append(f"register.{index}.backup.of: store {entry.backup.of!r} is not declared")
    for index, store in enumerate(model.stores):
        if (store.kind == "s3") != bool(store.bucket):
            problems.append(f"stores.{index}.bucket: an s3 store names its bucket")
        if store.inventory and store.kind != "s3":
            problems.append(f"stores.{index}.inventory: only an s3 store has an S3 Inventory")
    return problems


def _case(model: CaseModel, folder: Path) -> domain.Case:
    month, day = model.profile.fiscal_year_end.split("-")
    events = tuple(
        TimelineEvent(
            found.step, found.event, found.on, found.evidence, _sha256(folder, found.evidence, f"timeline.{i}")
        )
        for i, found in enumerate(model.timeline)
    )
    _sha256(folder, model.custodian.evidence, "custodian")
    for index, transfer in enumerate(model.transfers):
        _sha256(folder, transfer.evidence, f"transfers.{index}")
    public_key = _file(folder, model.custodian.public_key, "custodian.public_key").decode("ascii", "replace")
    return domain.Case(
        id=model.case,
        company=Company(model.company.name_zh, model.company.name_en, model.company.uscc),
        profile=domain.Profile(
            model.profile.route,
            model.profile.sectors,
            model.profile.critical_infrastructure,
            model.profile.important_data,
            (int(month), int(day)),
            model.profile.legal_form,
            model.profile.persons,
            model.profile.faces,
            model.profile.processes_minors,
            model.profile.algorithm_filed,
        ),
        people=tuple(domain.Person(person.id, person.name, person.role) for person in model.people),
        approvers=model.approvers,
        grace=domain.Grace(model.grace.duration, model.grace.reason, model.grace.accepted_by),
        custodian=domain.Custodian(
            model.custodian.person,
            model.custodian.organisation,
            model.custodian.contact,
            public_key,
            model.custodian.agreement_on,
        ),
        stores=tuple(
            domain.StoreDeclaration(
                found.name, found.kind, found.connection, found.region, found.bucket, found.inventory
            )
            for found in model.stores
        ),
        timeline=Timeline(events),
        accepted_dates=tuple(
            domain.AcceptedDate(
                found.rule,
                found.start_event,
                found.accepted_by,
                _sha256(folder, found.evidence, f"accepted_dates.{index}"),
            )
            for index, found in enumerate(model.accepted_dates)
        ),
        subjects=domain.Subjects(
            CollectionRef.parse(model.subjects.collection),
            model.subjects.key,
            model.subjects.born_on,
            model.subjects.country,
        ),
        register=tuple(_entry(found) for found in model.declared),
        transfers=tuple(
            domain.Transfer(
                found.id,
                found.recipient,
                found.country,
                found.purpose,
                found.legal_basis,
                CollectionRef.parse(found.collection),
                found.where,
                found.sensitive,
            )
            for found in model.transfers
        ),
        contact=model.contact.strip(),
        exclusions=() if model.exclusions is None else tuple(sorted(model.exclusions.model_dump().items())),
    )


def _entry(found: RegisterModel) -> domain.RegisterEntry:
    link = found.subject
    return domain.RegisterEntry(
        collection=CollectionRef.parse(found.collection),
        category=found.category,
        purpose=found.purpose,
        steward=found.steward,
        subject=None
        if link is None
        else domain.SubjectLink(
            link.field, CollectionRef.parse(link.via) if link.via else None, link.target, link.pattern
        ),
        dated_by=found.dated_by,
        custody=found.custody,
        elements=tuple(found.elements.items()),
        answers=tuple(
            (field, None if answer.kind == "none" else answer.kind, answer.because)
            for field, answer in found.fields.items()
        ),
        backup=None
        if found.backup is None
        else domain.BackupDeclaration(found.backup.of, found.backup.taken_on, found.backup.expires_on),
    )


def _hold(found: HoldModel, index: int, folder: Path, *, key: str) -> DeclaredHold:
    raw = _file(folder, found.subjects, f"holds.{index}.subjects")
    try:
        content = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Refused(f"holds.{index}.subjects: {found.subjects} is not UTF-8") from None
    try:
        rows = [row for row in csv.reader(io.StringIO(content)) if row]
    except csv.Error:
        raise Refused(f"holds.{index}.subjects: {found.subjects} is not CSV") from None
    # Without a header the first person would be taken for one, and lose the hold.
    if not rows or rows[0] not in (["subject"], [key]) or any(len(row) != 1 for row in rows):
        raise Refused(f"holds.{index}.subjects: {found.subjects} needs one column headed {key!r} or 'subject'")
    subjects = tuple(row[0].strip() for row in rows[1:])
    if not subjects or not all(subjects):
        raise Refused(f"holds.{index}.subjects: {found.subjects} names nobody, or has a blank line")
    return DeclaredHold(found.id, found.matter, found.ground, found.steward, found.placed_on, found.review_on, subjects)


def _file(folder: Path, name: str, field: str) -> bytes:
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise Refused(f"{field}: {name!r} lies outside the case's folder")
    try:
        return path.read_bytes()
    except OSError as error:
        raise Refused(f"{field}: {name!r} cannot be read ({error.strerror})") from None


def _sha256(folder: Path, name: str, field: str) -> str:
    content = _file(folder, name, f"{field}.evidence")
    if not content:
        raise Refused(f"{field}.evidence: {name!r} is empty")
    return hashlib.sha256(content).hexdigest()
