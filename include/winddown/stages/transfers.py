"""Checks data abroad: where stores lie, who can reach them, which path each transfer has, and what is still owed."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from winddown.domain.blocker import Blocker
from winddown.domain.border import MAINLAND_COUNTRY, Means, Residency, residency
from winddown.domain.case import Case, RegisterEntry, StoreDeclaration, Transfer
from winddown.domain.duties import matching, subjects_of
from winddown.domain.errors import Refused
from winddown.domain.finding import Finding
from winddown.domain.inventory import Inventory
from winddown.domain.keeping import CUSTODIAN
from winddown.domain.rule import RuleKind
from winddown.domain.transfer import (
    TransferCheck,
    check_filings,
    decide_path,
    facts_of,
    owed_conditions,
    undeclared_hand_over,
)
from winddown.domain.undecided import COMPANY_OWN
from winddown.stages.deployment import ACTOR, Deployment, today
from winddown.stages.exported import ExportCount
from winddown.stages.labelled import customers_counted
from winddown.stages.persons import ROOM
from winddown.stages.subjects import build_index

_OFFICER = "personal-information officer"
ENDED = "deregistered"  # the event of the timeline with which the company, and every filing of it, ends


def check_transfers(
    deployment: Deployment, case: Case, inventory: Inventory, *, room: int = ROOM
) -> tuple[tuple[TransferCheck, ...], tuple[Blocker, ...]]:
    """Check every transfer and every store; the results go into the ledger as counts and ids.

    ``room`` is how many persons are counted without a sketch.
    """
    blockers = [*_places(case), *_hand_overs(deployment, case, inventory)]
    if not case.transfers:
        return (), tuple(blockers)
    findings: tuple[Finding, ...] = deployment.control.require(
        case.id, "findings", "findings", type_=tuple[Finding, ...]
    )
    try:
        index = build_index(deployment, case, inventory)
    except Refused as error:
        blockers += [
            Blocker("transfer-not-counted", str(found.collection), error.message, "steward", error.next_step)
            for found in case.transfers
        ]
        return (), tuple(dict.fromkeys(blockers))
    count = ExportCount(deployment, case, inventory, index, findings=findings, room=room)
    checks = []
    for transfer in case.transfers:
        checked = _check(deployment, case, transfer, count)
        checks.append(checked)
        blockers += _objections(transfer, checked, uncounted=count.why_uncounted(transfer))
    deployment.ledger.append_all(case.id, [("transfer_checked", _body(checked)) for checked in checks], actor=ACTOR)
    count.record()
    return tuple(checks), tuple(blockers)


def open_recipients(checks: Sequence[TransferCheck]) -> tuple[str, ...]:
    """Transfers whose recipients have not confirmed deletion; they block nothing but the final report."""
    return tuple(found.path.transfer for found in checks if found.awaits_confirmation)


# -- where data lie ---------------------------------------------------------------------------------------------------


def _places(case: Case) -> Iterator[Blocker]:
    for store in case.stores:
        yield from _place(case, store)


def _hand_overs(deployment: Deployment, case: Case, inventory: Inventory) -> Iterator[Blocker]:
    """Archives that would cross the border undeclared, to the custodian or to whom the law names."""
    subjects = subjects_of(case, deployment.rulebook, customers_counted(case, inventory))
    for entry in case.register:
        roles = {
            rule.recipient
            for rule in matching(deployment.rulebook, entry, subjects, today(deployment))
            if rule.kind is RuleKind.MUST_HANDOVER and case.recipient(rule.recipient) is not None
        }
        for role in (*([CUSTODIAN] if entry.custody else []), *sorted(roles)):
            receiver = case.receiver(role)
            says = undeclared_hand_over(case, entry.collection, receiver)
            if says and not receiver.country:
                yield Blocker(
                    "unknown-country",
                    str(entry.collection),
                    f"{says}, so nobody can tell whether handing it over is a transfer",
                    "liquidation group",
                    "write its country with two letters under `recipients`, e.g. CN, HK, DE",
                )
            elif says:
                yield _undeclared(str(entry.collection), says)


def _place(case: Case, store: StoreDeclaration) -> Iterator[Blocker]:
    side = residency(store.region)
    if side is Residency.UNKNOWN:
        yield Blocker(
            "unknown-region",
            store.name,
            f"nobody can tell from its region {store.region!r} on which side of the border the store lies",
            "database or storage administrator",
            "write the region as its provider does, or the country's two letters, e.g. cn, hk, de",
        )
    of_customers = [
        entry
        for entry in case.register
        if entry.collection.store == store.name and entry.about == "customers" and entry.category != COMPANY_OWN
    ]
    if side is Residency.ABROAD:
        lies = f"the store lies in region {store.region}, outside mainland China: keeping data there is a transfer"
        yield from _not_declared(case, store, of_customers, lies)
    for country in store.accessed_from:
        if country != MAINLAND_COUNTRY:
            reached = f"the store can be reached from {country}: access from abroad is a transfer"
            yield from _not_declared(case, store, of_customers, reached, country=country)


def _not_declared(
    case: Case, store: StoreDeclaration, entries: Sequence[RegisterEntry], explanation: str, *, country: str = ""
) -> Iterator[Blocker]:
    """One blocker for each collection that no running transfer declares, for the store where none is registered.

    ``country``: only access from there counts; "" for any transfer.
    """
    running = {
        found.collection
        for found in case.transfers
        if found.ended_on is None and (not country or (found.means is Means.REMOTE_ACCESS and found.country == country))
    }
    if not entries and not any(ref.store == store.name for ref in running):
        yield _undeclared(store.name, explanation)
    for entry in entries:
        if entry.collection not in running:
            yield _undeclared(str(entry.collection), explanation)


def _undeclared(subject: str, explanation: str) -> Blocker:
    return Blocker(
        "undeclared-transfer", subject, explanation, _OFFICER, "declare the transfer with its purpose and legal basis"
    )


# -- one transfer -----------------------------------------------------------------------------------------------------


def _check(deployment: Deployment, case: Case, transfer: Transfer, count: ExportCount) -> TransferCheck:
    now, rulebook = today(deployment), deployment.rulebook
    on = transfer.judged_on(now)
    facts = facts_of(
        transfer,
        case.profile,
        contains_personal=count.contains_personal(transfer),
        origin=count.origin(transfer),
    )
    numbers = count.numbers(on.year)
    path = decide_path(transfer.id, facts, numbers, rulebook=rulebook, as_of=on)
    if path.could_be and count.is_sketched:
        numbers = count.numbers(on.year, exactly=True)
        path = decide_path(transfer.id, facts, numbers, rulebook=rulebook, as_of=on)
    ended_on = case.timeline.on(ENDED)
    fallen = count.fallen(on.year)
    return TransferCheck(
        path=replace(path, sentence=f"{path.sentence}; {fallen}") if fallen else path,
        recipient=transfer.recipient,
        country=transfer.country,
        means=transfer.means,
        judged_on=on,
        sensitive=numbers["persons_sensitive"],
        other=numbers["persons_other"],
        filings=check_filings(path, case.filings, rulebook=rulebook, on=on, company_ended_on=ended_on),
        owed=owed_conditions(transfer, facts, rulebook=rulebook, as_of=on),
        confirmed_on=None if transfer.confirmation is None else transfer.confirmation.confirmed_on,
        is_ahead=transfer.is_ahead(now),
    )


def _objections(transfer: Transfer, checked: TransferCheck, *, uncounted: str) -> Iterator[Blocker]:
    subject, path = str(transfer.collection), checked.path
    if not checked.has_path:
        whys = "".join(f"; filing {found.filing}: {found.why}" for found in checked.filings)
        yield Blocker(
            "transfer-without-path",
            subject,
            f"transfer {transfer.id}: {path.sentence}{whys}",
            _OFFICER,
            "file the assessment or contract and record its evidence under `filings`",
        )
    if path.could_be and not checked.has_path_anyway:
        yield Blocker(
            "transfer-count-unconfirmed",
            subject,
            f"transfer {transfer.id}: not all persons of the year could be counted, the path may be {path.could_be}; "
            f"{path.sentence}" + (f"; {uncounted}" if uncounted else ""),
            _OFFICER,
            f"find out how many it were at most in {checked.judged_on.year}, and record it under `confirmed_counts`",
        )
    if checked.is_ahead and checked.missing:
        yield Blocker(
            "transfer-condition-open",
            subject,
            f"transfer {transfer.id} lies ahead and waits for {', '.join(found.rule for found in checked.missing)}",
            _OFFICER,
            "do what these rules ask first, and record the evidence under `met`",
        )


def _body(checked: TransferCheck) -> dict[str, Any]:
    return {
        "transfer": checked.path.transfer,
        "rule": checked.path.rule,
        "could_be": checked.path.could_be,
        "judged_on": checked.judged_on.isoformat(),
        "persons_sensitive": [checked.sensitive.at_least, checked.sensitive.at_most],
        "persons_other": [checked.other.at_least, checked.other.at_most],
        "needs_filing": checked.path.needs_filing,
        "filings": [found.filing for found in checked.filings if found.counts],
        "missing": [found.rule for found in checked.missing],
        "confirmed": checked.confirmed_on is not None,
    }
