"""The case file: YAML or the trigger form's JSON, validated strictly before anything happens.

Unknown keys, a wrong check digit, dates in the wrong order, an approver named twice, a missing evidence file: each is
refused with the name of the field. Nothing is guessed and nothing has a silent default.
"""

import hashlib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from winddown.domain import case as domain
from winddown.domain.approval import ApprovalRules, approver_roles
from winddown.domain.company import Company
from winddown.domain.errors import Refused
from winddown.domain.event import dated_in_timeline
from winddown.domain.filed import odd_values
from winddown.domain.inventory import CollectionRef
from winddown.domain.timeline import Timeline, TimelineEvent
from winddown.evidence.signing import Kind, VerifyingKey
from winddown.stages import border_file
from winddown.stages.case_model import CaseModel, RecipientModel, RegisterModel
from winddown.stages.filing import content_of, read_yaml, sentences
from winddown.stages.hold_file import DeclaredHold, hold_problems, with_subjects

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
class CaseFile:
    """A validated case file."""

    case: domain.Case
    holds: tuple[DeclaredHold, ...]


def read_case_file(path: Path) -> CaseFile:
    """Read a YAML case file; relative names in it are relative to its folder."""
    return parse_case(read_yaml(path, what="case_file"), path.parent)


def parse_case(raw: Any, folder: Path) -> CaseFile:
    """Validate a case document; raises Refused naming every field that is wrong."""
    _refuse(list(odd_values(raw)))
    try:
        model = CaseModel.model_validate(raw)
    except ValidationError as error:
        raise _refused(sentences(error, of="case")) from None
    _refuse(_problems(model))
    return CaseFile(
        _case(model, folder),
        tuple(
            with_subjects(found, folder, f"holds.{index}", key=model.subjects.key)
            for index, found in enumerate(model.holds)
        ),
    )


def _refuse(problems: Sequence[str]) -> None:
    if problems:
        raise _refused(problems)


def _refused(problems: Sequence[str]) -> Refused:
    return Refused(
        "the case file is not valid: " + "; ".join(problems),
        rule="strict case validation",
        next_step="correct these fields; nothing has happened",
    )


def _problems(model: CaseModel) -> list[str]:
    return [
        *_duplicates("people", [person.id for person in model.people]),
        *_duplicates("approvers", list(model.approvers)),
        *_duplicates("stores", [store.name for store in model.stores]),
        *_duplicates("register", [entry.collection for entry in model.declared]),
        *_duplicates("timeline", [event.event for event in model.timeline]),
        *_duplicates("holds", [hold.id for hold in model.holds]),
        *_duplicates("transfers", [transfer.id for transfer in model.transfers]),
        *_duplicates("filings", [filing.id for filing in model.filings]),
        *_duplicates("confirmed_counts", [str(count.year) for count in model.confirmed_counts]),
        *_duplicates("accepted_dates", [accepted.rule for accepted in model.accepted_dates]),
        *_duplicates("opinions", [f"{found.rule} on {found.collection or 'all'}" for found in model.opinions]),
        *_duplicates("recipients", [found.role for found in model.recipients]),
        *_people_problems(model),
        *_approval_problems(model),
        *_date_problems(model),
        *_reference_problems(model),
        *_hold_problems(model),
        *border_file.border_problems(model),
    ]


def _duplicates(field: str, values: Sequence[str]) -> list[str]:
    repeated = sorted({value for value in values if values.count(value) > 1})
    return [f"{field}: {value} is named twice" for value in repeated]


def _people_problems(model: CaseModel) -> list[str]:
    roles = {person.id: person.role for person in model.people}
    problems = [f"approvers: {name} is not in people" for name in model.approvers if name not in roles]
    if (model.profile.route == "simplified") != (model.exclusions is not None):
        problems.append("exclusions: the simplified route, and no other, declares the facts that would close it")
    if model.profile.processes_minors and model.subjects.born_on is None:
        problems.append(
            "subjects.born_on: profile.processes_minors says that there are children, and a list without dates of "
            "birth cannot tell which; name the field, or add one in which theirs stand"
        )
    named = [("grace.accepted_by", model.grace.accepted_by), ("custodian.person", model.custodian.person)]
    named += [(f"register.{i}.steward", entry.steward) for i, entry in enumerate(model.declared)]
    named += [(f"accepted_dates.{i}.accepted_by", found.accepted_by) for i, found in enumerate(model.accepted_dates)]
    named += [(f"opinions.{i}.given_by", found.given_by) for i, found in enumerate(model.opinions)]
    named += [(f"recipients.{i}.person", found.person) for i, found in enumerate(model.recipients)]
    problems += [f"{field}: {name} is not in people" for field, name in named if name not in roles]
    problems += [
        f"opinions.{index}.given_by: {found.given_by} has role {roles[found.given_by]}; counsel gives opinions"
        for index, found in enumerate(model.opinions)
        if roles.get(found.given_by, "counsel") != "counsel"
    ]
    if roles.get(model.custodian.person, "custodian") != "custodian":
        problems.append(f"custodian.person: {model.custodian.person} has role {roles[model.custodian.person]}")
    if model.grace.duration <= timedelta(0):
        problems.append("grace.duration: must be longer than nothing")
    return problems


def _approval_problems(model: CaseModel) -> list[str]:
    """Whether the approvals that the case asks for can be given, and outlast grace."""
    roles = {person.id: person.role for person in model.people}
    present = {roles.get(name) for name in model.approvers}
    problems = [
        f"approvers: nobody with role {role} is among them" for role in _approval(model).roles if role not in present
    ]
    problems += [
        f"approvers: {name} has role {roles[name]}, which only reads or receives"
        for name in model.approvers
        if roles.get(name) in {"auditor", "custodian", "recipient"}
    ]
    if model.grace.duration >= timedelta(days=model.approval.days):
        problems.append("approval.days: approvals would expire before grace has ended")
    keys: list[bytes] = []
    for index, person in enumerate(model.people):
        if not person.key:
            continue
        try:
            key = VerifyingKey.parse(person.key)
        except Refused as error:
            problems.append(f"people.{index}.key: {error.message}")
            continue
        if person.id not in model.approvers or key.kind is not Kind.NOTE or key.name != person.id:
            problems.append(f"people.{index}.key: it is an approver's Ed25519 key (kind 1) with the id as its name")
        if key.raw in keys:
            problems.append(f"people.{index}.key: somebody else has the same key")
        keys.append(key.raw)
    return problems


def _approval(model: CaseModel) -> ApprovalRules:
    """What the case asks of approvals: the route's roles always, more where the file names them."""
    roles = dict.fromkeys((*approver_roles(model.profile.route), *model.approval.roles))
    return ApprovalRules(model.approval.days, tuple(roles))


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
    for index, entry in enumerate(model.declared):
        if entry.backup is not None and entry.backup.expires_on <= entry.backup.taken_on:
            problems.append(f"register.{index}.backup.expires_on: it is not after taken_on")
    return problems


def _reference_problems(model: CaseModel) -> list[str]:
    stores = {store.name for store in model.stores}
    named = [("subjects.collection", model.subjects.collection)]
    named += [(f"register.{i}.collection", entry.collection) for i, entry in enumerate(model.declared)]
    named += [(f"transfers.{i}.collection", found.collection) for i, found in enumerate(model.transfers)]
    named += [
        (f"opinions.{i}.collection", found.collection) for i, found in enumerate(model.opinions) if found.collection
    ]
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
        elif link is not None and link.via is not None and not _leads_to_persons(model, link.via):
            # Its field would be taken for the customers' key, and the records for another customer's.
            problems.append(f"register.{index}.subject.via: {link.via} must name its customers by a field of its own")
        if entry.backup is not None and entry.backup.of not in stores:
            problems.append(f"register.{index}.backup.of: store {entry.backup.of!r} is not declared")
    return problems + _store_problems(model)


def _store_problems(model: CaseModel) -> list[str]:
    problems = []
    for index, store in enumerate(model.stores):
        if (store.kind == "s3") != bool(store.bucket):
            problems.append(f"stores.{index}.bucket: an s3 store names its bucket")
        if store.inventory and store.kind != "s3":
            problems.append(f"stores.{index}.inventory: only an s3 store has an S3 Inventory")
        if store.delete_bucket and store.kind != "s3":
            problems.append(f"stores.{index}.delete_bucket: only an s3 store has a bucket")
        if store.catalogue and store.kind != "s3":
            problems.append(f"stores.{index}.catalogue: only an s3 store has Iceberg tables")
        if store.customer_key and store.kind != "s3":
            problems.append(f"stores.{index}.customer_key: only an s3 store has objects under a key of the company's")
        why, copies = store.destroy_key.strip(), store.key_copies.strip()
        if why and not store.customer_key:
            problems.append(f"stores.{index}.destroy_key: the store names no customer_key")
        if bool(why) != bool(copies):
            # A key of which there is a copy brings everything back, so somebody has to answer for every one.
            problems.append(f"stores.{index}.key_copies: why a key goes and what became of its copies stand together")
    return problems


def _hold_problems(model: CaseModel) -> list[str]:
    people, stores = {person.id for person in model.people}, {store.name for store in model.stores}
    return [
        problem
        for index, hold in enumerate(model.holds)
        for problem in hold_problems(
            hold, f"holds.{index}", people=people, stores=stores, has_persons=bool(hold.subjects)
        )
    ]


def _leads_to_persons(model: CaseModel, ref: str) -> bool:
    through = next(entry for entry in model.declared if entry.collection == ref)
    return through.about == "customers" and bool(through.subject and through.subject.field and not through.subject.via)


def _case(model: CaseModel, folder: Path) -> domain.Case:
    month, day = model.profile.fiscal_year_end.split("-")
    events = tuple(
        TimelineEvent(
            found.step, found.event, found.on, found.evidence, _sha256(folder, found.evidence, f"timeline.{i}")
        )
        for i, found in enumerate(model.timeline)
    )
    _sha256(folder, model.custodian.evidence, "custodian")

    def sha256(name: str, field: str) -> str:
        return _sha256(folder, name, field)

    public_key = _key(folder, model.custodian.public_key, "custodian.public_key")
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
        people=tuple(domain.Person(person.id, person.name, person.role, person.key) for person in model.people),
        approvers=model.approvers,
        approval=_approval(model),
        grace=domain.Grace(model.grace.duration, model.grace.reason, model.grace.accepted_by),
        custodian=domain.Custodian(
            model.custodian.person,
            model.custodian.organisation,
            model.custodian.contact,
            public_key,
            model.custodian.agreement_on,
            model.custodian.country,
        ),
        stores=tuple(
            domain.StoreDeclaration(
                found.name,
                found.kind,
                found.connection,
                found.region,
                found.bucket,
                found.inventory,
                found.accessed_from,
                found.delete_bucket.strip(),
                found.catalogue,
                found.customer_key,
                found.destroy_key.strip(),
                found.key_copies.strip(),
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
        opinions=tuple(
            domain.Opinion(
                found.rule,
                CollectionRef.parse(found.collection) if found.collection else None,
                found.keeps,
                found.given_by,
                found.given_on,
                _sha256(folder, found.evidence, f"opinions.{index}"),
            )
            for index, found in enumerate(model.opinions)
        ),
        recipients=tuple(_recipient(found, index, folder) for index, found in enumerate(model.recipients)),
        subjects=domain.Subjects(
            CollectionRef.parse(model.subjects.collection),
            model.subjects.key,
            model.subjects.born_on or "",
            model.subjects.country or "",
        ),
        register=tuple(_entry(found) for found in model.declared),
        transfers=border_file.transfers(model, sha256),
        filings=border_file.filings(model, sha256),
        export_log=border_file.export_log(model, sha256),
        confirmed_counts=border_file.confirmed_counts(model, sha256),
        contact=model.contact.strip(),
        exclusions=() if model.exclusions is None else tuple(sorted(model.exclusions.model_dump().items())),
    )


def _recipient(found: RecipientModel, index: int, folder: Path) -> domain.Recipient:
    _sha256(folder, found.evidence, f"recipients.{index}")
    return domain.Recipient(
        found.role,
        found.person,
        found.organisation,
        found.contact,
        _key(folder, found.public_key, f"recipients.{index}.public_key"),
        found.agreement_on,
        found.country,
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
        dates=tuple(sorted(found.dates.items())),
        also=found.also,
        about=found.about,
        anonymise=None
        if found.anonymise is None
        else domain.Anonymisation(tuple(sorted(found.anonymise.fields.items())), found.anonymise.k),
        custody=found.custody,
        record_count_max=found.record_count_max,
        minimise=tuple(sorted(found.minimise.items())),
        bypass_governance=found.bypass_governance.strip(),
        sentinels=tuple(tuple(sorted(sentinel.items())) for sentinel in found.sentinels),
        elements=tuple(
            (field, word)
            for field, words in found.elements.items()
            for word in ((words,) if isinstance(words, str) else words)
        ),
        answers=tuple(
            (field, None if answer.kind == "none" else answer.kind, answer.because)
            for field, answer in found.fields.items()
        ),
        backup=None
        if found.backup is None
        else domain.BackupDeclaration(found.backup.of, found.backup.taken_on, found.backup.expires_on),
    )


def _key(folder: Path, name: str, field: str) -> str:
    return content_of(folder, name, field).decode("ascii", "replace")


def _sha256(folder: Path, name: str, field: str) -> str:
    content = content_of(folder, name, f"{field}.evidence")
    if not content:
        raise Refused(f"{field}.evidence: {name!r} is empty")
    return hashlib.sha256(content).hexdigest()
