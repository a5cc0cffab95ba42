"""Every bad case file is refused by the name of the field, and nothing has happened."""

import copy
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import func, select

from winddown.control import tables
from winddown.domain.errors import Refused
from winddown.domain.inventory import CollectionRef
from winddown.evidence.signing import Kind, Signer
from winddown.stages.case_file import read_case_file
from winddown.stages.deployment import Deployment
from winddown.stages.open import open_case

WriteCase = Callable[[Any], Path]
Refusal = Callable[[Any], str]
REMOVED = object()


def changed(document: dict[str, Any], where: str, value: Any) -> dict[str, Any]:
    """The document with one value set: ``changed(document, "people.0.role", "steward")``."""
    result = copy.deepcopy(document)
    *path, last = [int(part) if part.isdecimal() else part for part in where.split(".")]
    target: Any = result
    for part in path:
        target = target[part]
    if value is REMOVED:
        del target[last]
    elif isinstance(target, list) and last == len(target):
        target.append(value)
    else:
        target[last] = value
    return result


def rows_written(deployment: Deployment) -> int:
    with deployment.control.engine.begin() as connection:
        return sum(
            int(connection.execute(select(func.count()).select_from(table)).scalar_one())
            for table in tables.metadata.tables.values()
        )


@pytest.fixture
def refusal(write_case: WriteCase, deployment: Deployment) -> Refusal:
    """Try to open a case from a document; return what the refusal says, having checked that nothing was written."""

    def refuse(document: Any) -> str:
        path = write_case(document)
        before = {found: found.stat().st_mtime_ns for found in path.parent.rglob("*")}
        with pytest.raises(Refused) as refused:
            open_case(deployment, read_case_file(path), requested_by="operator")
        assert rows_written(deployment) == 0
        assert {found.name for found in deployment.settings.workspace.iterdir()} <= {
            "control.sqlite", "control.sqlite-wal", "control.sqlite-shm",
        }  # fmt: skip
        assert {found: found.stat().st_mtime_ns for found in path.parent.rglob("*")} == before
        return refused.value.message

    return refuse


def test_a_valid_case_file_is_read_whole(write_case: WriteCase, case_document: dict[str, Any]) -> None:
    found = read_case_file(write_case(case_document))
    case = found.case
    assert (case.id, case.company.uscc, case.profile.fiscal_year_end) == ("demo-1", "91310000MA1K35QT41", (12, 31))
    assert case.grace.duration.days == 7
    assert case.custodian.public_key_pem == "public key"
    assert len(case.timeline.events) == 12
    assert all(len(event.evidence_sha256) == 64 for event in case.timeline.events)
    payments = case.entry(CollectionRef("shop", "payments"))
    assert payments is not None
    assert payments.subject is not None
    assert (payments.subject.via, payments.subject.target) == (CollectionRef("shop", "orders"), "order_no")
    assert [hold.subjects for hold in found.holds] == [("C-held",)]
    assert "C-held" not in repr(found)


# -- keys ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "where",
    [
        "colour",
        "company.colour",
        "profile.colour",
        "people.0.colour",
        "grace.colour",
        "custodian.colour",
        "stores.1.colour",
        "timeline.2.colour",
        "accepted_dates.0.colour",
        "subjects.colour",
        "register.1.colour",
        "register.1.subject.colour",
        "holds.0.colour",
        "transfers.0.colour",
    ],
)
def test_an_unknown_key(refusal: Refusal, case_document: dict[str, Any], where: str) -> None:
    assert f"{where}: Extra inputs are not permitted" in refusal(changed(case_document, where, "red"))


@pytest.mark.parametrize(
    "where",
    [
        "case",
        "company",
        "company.uscc",
        "profile.important_data",
        "people",
        "approvers",
        "grace",
        "grace.accepted_by",
        "custodian.public_key",
        "stores",
        "stores.0.region",
        "timeline",
        "timeline.0.evidence",
        "subjects",
        "register",
        "register.0.steward",
        "holds.0.review_on",
        "transfers.0.sensitive",
    ],
)
def test_a_missing_key_has_no_silent_default(refusal: Refusal, case_document: dict[str, Any], where: str) -> None:
    assert f"{where}: Field required" in refusal(changed(case_document, where, REMOVED))


def test_a_key_written_twice(refusal: Refusal, write_case: WriteCase, case_document: dict[str, Any]) -> None:
    text = write_case(case_document).read_text("utf-8")
    said = refusal(text + "\napprovers: [wu, chen]\n")
    assert "approvers is written twice" in said


# -- single values ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "value"),
    [
        ("case", ""),
        ("case", "../escape"),
        ("case", "a" * 61),
        ("company.name_zh", ""),
        ("profile.route", "voluntary"),
        ("profile.critical_infrastructure", "perhaps"),
        ("profile.fiscal_year_end", "13-01"),
        ("profile.fiscal_year_end", "02-29"),
        ("profile.fiscal_year_end", "04-31"),
        ("profile.fiscal_year_end", "12-31 "),
        ("people", []),
        ("people.0.role", "boss"),
        ("people.0.id", "chen li"),
        ("approvers", ["chen"]),
        ("grace.duration", "a week"),
        ("grace.reason", ""),
        ("custodian.agreement_on", "soon"),
        ("stores", []),
        ("stores.0.kind", "excel"),
        ("stores.0.name", "Shop"),
        ("timeline.0.step", "S10"),
        ("timeline.0.on", "2026-02-30"),
        ("accepted_dates.0.start_event", "service_stopped"),
        ("subjects.collection", "customers"),
        ("register.0.collection", "customers"),
        ("register.1.custody", "somewhere"),
        ("holds.0.id", "../H"),
        ("transfers.0.country", "Japan"),
        ("transfers.0.where", "abroad"),
    ],
)
def test_a_value_that_the_field_cannot_have(
    refusal: Refusal, case_document: dict[str, Any], where: str, value: Any
) -> None:
    assert f"{where}: " in refusal(changed(case_document, where, value))


@pytest.mark.parametrize("code", ["91310000MA1K35QT4Y", "91310000MA1K35QT4", "", "91310000ma1k35qt41"])
def test_a_wrong_credit_code(refusal: Refusal, case_document: dict[str, Any], code: str) -> None:
    assert "company.uscc: " in refusal(changed(case_document, "company.uscc", code))


@pytest.mark.parametrize("duration", ["PT0S", "-P1D"])
def test_no_grace(refusal: Refusal, case_document: dict[str, Any], duration: str) -> None:
    said = refusal(changed(case_document, "grace.duration", duration))
    assert "grace.duration: must be longer than nothing" in said


def test_every_wrong_field_is_told_at_once(refusal: Refusal, case_document: dict[str, Any]) -> None:
    document = changed(changed(case_document, "grace.duration", "PT0S"), "approvers", ["chen", "ghost"])
    said = refusal(changed(document, "stores.1.bucket", ""))
    assert all(field in said for field in ("grace.duration", "approvers: ghost", "stores.1.bucket"))


# -- people ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("approvers", "said"),
    [
        (["chen", "wu", "chen"], "approvers: chen is named twice"),
        (["chen", "wu", "ghost"], "approvers: ghost is not in people"),
        (["chen", "li"], "approvers: nobody with role pi_officer is among them"),
        (["wu", "li"], "approvers: nobody with role liquidation_group is among them"),
        (["chen", "wu", "he"], "approvers: he has role custodian, which only reads or receives"),
    ],
)
def test_wrong_approvers(refusal: Refusal, case_document: dict[str, Any], approvers: list[str], said: str) -> None:
    assert said in refusal(changed(case_document, "approvers", approvers))


# -- approvals -------------------------------------------------------------------------------------------------------

KEY = Signer.of(Ed25519PrivateKey.from_private_bytes(b"w" * 32), name="wu", kind=Kind.NOTE).key


def test_approvals_are_asked_for_by_the_route_and_count_for_thirty_days(
    write_case: WriteCase, case_document: dict[str, Any]
) -> None:
    asked = read_case_file(write_case(case_document)).case.approval
    assert (asked.days, asked.roles, asked.people) == (30, ("liquidation_group", "pi_officer"), 2)


def test_a_case_asks_for_a_third_role_for_other_days_and_knows_keys(
    write_case: WriteCase, case_document: dict[str, Any]
) -> None:
    case_document["people"].append({"id": "zhou", "name": "zhou", "role": "legal"})
    case_document["people"][1]["key"] = KEY.line
    case_document["approvers"].append("zhou")
    case_document["approval"] = {"days": 14, "roles": ["legal"]}
    case = read_case_file(write_case(case_document)).case
    assert (case.approval.days, case.approval.people) == (14, 3)
    assert case.approval.roles == ("liquidation_group", "pi_officer", "legal")
    assert [(one.person, one.role, one.key) for one in case.named_approvers()] == [
        ("chen", "liquidation_group", ""), ("wu", "pi_officer", KEY.line), ("zhou", "legal", ""),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("approval", "said"),
    [
        ({"roles": ["legal"]}, "approvers: nobody with role legal is among them"),
        ({"days": 7}, "approval.days: approvals would expire before grace has ended"),
        ({"days": 0}, "approval.days"),
        ({"days": 367}, "approval.days"),
        ({"roles": ["steward"]}, "approval.roles.0"),
        ({"colour": "red"}, "approval.colour: Extra inputs are not permitted"),
    ],
)
def test_approvals_that_cannot_be_given(
    refusal: Refusal, case_document: dict[str, Any], approval: dict[str, Any], said: str
) -> None:
    assert said in refusal(changed(case_document, "approval", approval))


@pytest.mark.parametrize(
    ("place", "key", "said"),
    [
        (1, "wu+00000000+AAAA", "people.1.key"),
        (1, "nonsense", "people.1.key"),
        (0, KEY.line, "people.0.key: it is an approver's Ed25519 key (kind 1) with the id as its name"),
        (3, replace(KEY, name="li").line, "people.3.key: it is an approver's Ed25519 key"),
        (0, replace(KEY, name="chen").line, "people.1.key: somebody else has the same key"),
        (1, replace(KEY, kind=Kind.COSIGNATURE).line, "people.1.key: it is an approver's Ed25519 key"),
    ],
)
def test_a_key_that_is_not_the_approvers_own(
    refusal: Refusal, case_document: dict[str, Any], place: int, key: str, said: str
) -> None:
    case_document["people"][1]["key"] = KEY.line
    case_document["people"][place]["key"] = key
    assert said in refusal(case_document)


@pytest.mark.parametrize(
    "where",
    ["grace.accepted_by", "custodian.person", "register.3.steward", "holds.0.steward", "accepted_dates.0.accepted_by"],
)
def test_somebody_unknown(refusal: Refusal, case_document: dict[str, Any], where: str) -> None:
    assert f"{where}: ghost is not in people" in refusal(changed(case_document, where, "ghost"))


def test_a_custodian_with_another_role(refusal: Refusal, case_document: dict[str, Any]) -> None:
    said = refusal(changed(case_document, "custodian.person", "li"))
    assert "custodian.person: li has role steward" in said


# -- named twice -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("people", "people: chen is named twice"),
        ("stores", "stores: shop is named twice"),
        ("register", "register: shop:customers is named twice"),
        ("timeline", "timeline: snapshot_taken is named twice"),
        ("holds", "holds: H-1 is named twice"),
        ("transfers", "transfers: XB-1 is named twice"),
        ("accepted_dates", "accepted_dates: RET-TAX-10Y is named twice"),
    ],
)
def test_something_named_twice(refusal: Refusal, case_document: dict[str, Any], where: str, said: str) -> None:
    assert said in refusal(changed(case_document, where, [*case_document[where], case_document[where][0]]))


# -- dates -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("snapshot_taken", "dissolution_resolved"),
        ("dissolution_resolved", "liquidation_group_formed"),
        ("liquidation_group_formed", "creditors_announced"),
        ("creditors_announced", "claims_window_closed"),
        ("claims_window_closed", "tax_cleared"),
        ("dissolution_resolved", "dissolution_publicised"),
        ("liquidation_group_formed", "group_listed"),
        ("liquidation_group_formed", "creditors_notified"),
        ("stop_notice_published", "service_stopped"),
    ],
)
def test_dates_in_the_wrong_order(refusal: Refusal, case_document: dict[str, Any], before: str, after: str) -> None:
    index = next(i for i, event in enumerate(case_document["timeline"]) if event["event"] == after)
    earlier = next(event["on"] for event in case_document["timeline"] if event["event"] == before)
    wrong = earlier.replace(year=earlier.year - 1)
    said = refusal(changed(case_document, f"timeline.{index}.on", wrong))
    assert f"timeline.{index}.on: {after} {wrong} lies before {before} {earlier}" in said


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("simplified_notice_published", "simplified_notice_ended"),
        ("forced_notice_published", "forced_notice_ended"),
        ("bankruptcy_accepted", "destruction_released"),
        ("bankruptcy_accepted", "bankruptcy_terminated"),
        ("deregistration_applied", "deregistered"),
    ],
)
def test_dates_of_other_routes_in_the_wrong_order(
    refusal: Refusal, case_document: dict[str, Any], before: str, after: str
) -> None:
    evidence = {"step": "S8", "evidence": "evidence/event.txt"}
    more = [
        {"event": before, "on": date(2026, 11, 2), **evidence},
        {"event": after, "on": date(2026, 11, 1), **evidence},
    ]
    said = refusal(changed(case_document, "timeline", [*case_document["timeline"], *more]))
    assert f"{after} 2026-11-01 lies before {before} 2026-11-02" in said


def test_dates_in_the_wrong_order_with_events_between_them_missing(
    refusal: Refusal, case_document: dict[str, Any]
) -> None:
    kept = [event for event in case_document["timeline"] if event["event"] in {"snapshot_taken", "tax_cleared"}]
    kept[1]["on"] = kept[0]["on"].replace(year=2020)
    assert "timeline.1.on: tax_cleared 2020-08-01 lies before" in refusal(changed(case_document, "timeline", kept))


def test_two_events_on_one_day_are_in_order(write_case: WriteCase, case_document: dict[str, Any]) -> None:
    same = changed(case_document, "timeline.1.on", case_document["timeline"][0]["on"])
    assert read_case_file(write_case(same)).case.id == "demo-1"


def test_an_unknown_event(refusal: Refusal, case_document: dict[str, Any]) -> None:
    said = refusal(changed(case_document, "timeline.0.event", "party_held"))
    assert "timeline.0.event: 'party_held' is no known event" in said


def test_a_hold_reviewed_before_it_was_placed(refusal: Refusal, case_document: dict[str, Any]) -> None:
    placed = case_document["holds"][0]["placed_on"]
    assert "holds.0.review_on: " in refusal(changed(case_document, "holds.0.review_on", placed))


def test_a_backup_that_expired_before_it_was_taken(refusal: Refusal, case_document: dict[str, Any]) -> None:
    day = case_document["custodian"]["agreement_on"]
    backup = {"of": "shop", "taken_on": day, "expires_on": day}
    assert "register.6.backup.expires_on: " in refusal(changed(case_document, "register.6.backup", backup))


# -- references ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["register.0.collection", "transfers.0.collection", "subjects.collection"])
def test_a_store_that_is_not_declared(refusal: Refusal, case_document: dict[str, Any], where: str) -> None:
    assert f"{where}: store 'crm' is not declared" in refusal(changed(case_document, where, "crm:customers"))


def test_a_list_of_customers_that_is_not_registered(refusal: Refusal, case_document: dict[str, Any]) -> None:
    said = refusal(changed(case_document, "subjects.collection", "shop:members"))
    assert "subjects.collection: shop:members is not in the register" in said


def test_a_list_of_customers_says_in_any_case_whether_it_knows_birth_and_country(
    write_case: WriteCase, refusal: Refusal, case_document: dict[str, Any]
) -> None:
    for name in ("born_on", "country"):
        left_out = {field: value for field, value in case_document["subjects"].items() if field != name}
        assert f"subjects.{name}" in refusal(changed(case_document, "subjects", left_out))
    bare = changed(case_document, "subjects", case_document["subjects"] | {"born_on": None, "country": None})
    found = read_case_file(write_case(bare)).case.subjects
    assert (found.born_on, found.country) == ("", "")
    said = refusal(changed(bare, "profile.processes_minors", True))
    assert "subjects.born_on: profile.processes_minors says that there are children" in said


@pytest.mark.parametrize("subject", [{}, {"field": "customer", "pattern": "(.*)"}])
def test_a_subject_with_both_or_neither_of_field_and_pattern(
    refusal: Refusal, case_document: dict[str, Any], subject: dict[str, str]
) -> None:
    said = refusal(changed(case_document, "register.3.subject", subject))
    assert "register.3.subject: give either field or pattern" in said


def test_a_link_through_a_collection_that_is_itself_linked_through_another_is_refused(
    refusal: Refusal, case_document: dict[str, Any]
) -> None:
    link = {"field": "payment_no", "via": "shop:payments", "target": "payment_no"}
    items = case_document["register"][2] | {"collection": "shop:items", "subject": link}
    case_document["register"].append(items)
    said = refusal(case_document)
    assert "subject.via: shop:payments must name its customers by a field of its own" in said


@pytest.mark.parametrize("change", [("via", "shop:nothing"), ("target", "")])
def test_a_link_through_nothing(refusal: Refusal, case_document: dict[str, Any], change: tuple[str, str]) -> None:
    name, value = change
    said = refusal(changed(case_document, f"register.2.subject.{name}", value))
    assert "register.2.subject.via: needs a registered collection and its target field" in said


def test_a_backup_of_an_unknown_store(refusal: Refusal, case_document: dict[str, Any]) -> None:
    backup = {"of": "crm", "taken_on": "2026-11-01", "expires_on": "2027-02-01"}
    said = refusal(changed(case_document, "register.6.backup", backup))
    assert "register.6.backup.of: store 'crm' is not declared" in said


@pytest.mark.parametrize(("where", "bucket"), [("stores.1.bucket", ""), ("stores.0.bucket", "files")])
def test_a_bucket_belongs_to_an_s3_store_and_to_no_other(
    refusal: Refusal, case_document: dict[str, Any], where: str, bucket: str
) -> None:
    assert f"{where}: an s3 store names its bucket" in refusal(changed(case_document, where, bucket))


def test_a_bucket_that_is_to_go_is_one_and_says_why(refusal: Refusal, case_document: dict[str, Any]) -> None:
    said = refusal(changed(case_document, "stores.0.delete_bucket", "it ends"))
    assert "stores.0.delete_bucket: only an s3 store has a bucket" in said


KEYED = {"customer_key": "files_key", "destroy_key": "it ends", "key_copies": "none was made"}


@pytest.mark.parametrize(
    ("store", "left_out", "said"),
    [
        (0, (), "stores.0.customer_key: only an s3 store has objects under a key of the company's"),
        (1, ("customer_key",), "stores.1.destroy_key: the store names no customer_key"),
        (1, ("key_copies",), "stores.1.key_copies: why a key goes and what became of its copies stand together"),
        (1, ("destroy_key",), "stores.1.key_copies: why a key goes and what became of its copies stand together"),
    ],
)
def test_a_key_that_is_to_go_is_named_and_accounted_for(
    refusal: Refusal, case_document: dict[str, Any], store: int, left_out: tuple[str, ...], said: str
) -> None:
    given = {name: value for name, value in KEYED.items() if name not in left_out}
    case_document["stores"][store].update(given)
    assert said in refusal(case_document)
    case_document["stores"][store].update({name: "  " for name in left_out if name != "customer_key"})
    assert said in refusal(case_document), "a blank says nothing"


def test_a_key_stands_in_the_case_as_it_was_declared(write_case: WriteCase, case_document: dict[str, Any]) -> None:
    case_document["stores"][1].update(KEYED | {"destroy_key": " it ends "})
    found = read_case_file(write_case(case_document)).case.stores[1]
    assert (found.customer_key, found.destroy_key, found.key_copies) == tuple(KEYED.values())


def test_a_key_is_a_known_connection(refusal: Refusal, case_document: dict[str, Any]) -> None:
    said = refusal(changed(case_document, "stores.1.customer_key", "nowhere"))
    assert "stores.1.customer_key: 'nowhere' is unknown" in said


def test_an_inventory_report_belongs_to_an_s3_store_and_has_an_address(
    refusal: Refusal, case_document: dict[str, Any]
) -> None:
    address = "s3://reports/deliveries/files/daily"
    said = refusal(changed(case_document, "stores.0.inventory", address))
    assert "stores.0.inventory: only an s3 store has an S3 Inventory" in said
    for wrong in ("reports/daily", "s3://reports", "s3://reports/", "s3:///daily", "https://reports/daily"):
        assert "stores.1.inventory" in refusal(changed(case_document, "stores.1.inventory", wrong))
    case_document["stores"][1]["inventory"] = address
    case_document["grace"]["duration"] = "never"
    assert "inventory" not in refusal(case_document)


def test_a_catalogue_belongs_to_an_s3_store_and_is_a_known_connection(
    refusal: Refusal, case_document: dict[str, Any]
) -> None:
    said = refusal(changed(case_document, "stores.0.catalogue", "lake"))
    assert "stores.0.catalogue: only an s3 store has Iceberg tables" in said
    assert "stores.1.catalogue" in refusal(changed(case_document, "stores.1.catalogue", "a connection"))
    said = refusal(changed(case_document, "stores.1.catalogue", "nowhere"))
    assert "stores.1.catalogue: 'nowhere' is unknown" in said


def test_a_connection_that_nobody_knows(refusal: Refusal, case_document: dict[str, Any]) -> None:
    said = refusal(changed(case_document, "stores.0.connection", "nowhere"))
    assert "stores.0.connection: 'nowhere' is unknown" in said


# -- files -----------------------------------------------------------------------------------------------------------


EVIDENCE = ["custodian.evidence", "timeline.4.evidence", "accepted_dates.0.evidence", "transfers.0.evidence"]


@pytest.mark.parametrize("where", EVIDENCE)
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("evidence/missing.txt", "cannot be read"),
        ("evidence", "cannot be read"),
        ("evidence/empty.txt", "is empty"),
        ("../outside.txt", "lies outside the case's folder"),
        ("evidence/../../outside.txt", "lies outside the case's folder"),
        ("/etc/hostname", "lies outside the case's folder"),
    ],
)
def test_evidence_that_is_none(
    refusal: Refusal, case_document: dict[str, Any], where: str, name: str, said: str
) -> None:
    assert f"{where}: {name!r} {said}" in refusal(changed(case_document, where, name))


def test_evidence_behind_a_link_that_leads_outside(
    refusal: Refusal, case_document: dict[str, Any], case_folder: Path
) -> None:
    (case_folder / "evidence" / "link.txt").symlink_to(case_folder.parent / "outside.txt")
    said = refusal(changed(case_document, "custodian.evidence", "evidence/link.txt"))
    assert "custodian.evidence: 'evidence/link.txt' lies outside" in said


@pytest.mark.parametrize("name", ["missing.pub", "../outside.txt"])
def test_a_custodians_key_that_is_not_there(refusal: Refusal, case_document: dict[str, Any], name: str) -> None:
    assert f"custodian.public_key: {name!r}" in refusal(changed(case_document, "custodian.public_key", name))


def test_a_held_persons_key_is_taken_as_it_is_written(
    case_document: dict[str, Any], write_case: Callable[[Any], Path], case_folder: Path
) -> None:
    (case_folder / "holds" / "h-1.csv").write_bytes(b"subject\nC-1 \n C-2\n")
    (hold,) = read_case_file(write_case(case_document)).holds
    assert hold.subjects == ("C-1 ", " C-2")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "needs one column"),
        (b"subject\n", "names nobody"),
        (b"subject\nC-1\n \nC-2\n", "has a blank line"),
        (b"subject,note\nC-1,x\n", "needs one column"),
        (b"C-1\nC-2\n", "needs one column"),  # without a header the first person would lose the hold
        ("客户\n张三\n".encode("gbk"), "is not UTF-8"),
    ],
)
def test_a_list_of_held_persons_that_names_nobody_or_cannot_be_read(
    refusal: Refusal, case_document: dict[str, Any], case_folder: Path, content: bytes, said: str
) -> None:
    (case_folder / "holds" / "h-1.csv").write_bytes(content)
    message = refusal(case_document)
    assert "holds.0.subjects: " in message
    assert said in message


@pytest.mark.parametrize("name", ["holds/missing.csv", "../outside.txt"])
def test_a_list_of_held_persons_that_is_not_there(refusal: Refusal, case_document: dict[str, Any], name: str) -> None:
    assert f"holds.0.subjects: {name!r}" in refusal(changed(case_document, "holds.0.subjects", name))


# -- the file itself -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "case: "),
        ("# nothing but a comment\n", "case: "),
        ("just words", "case: "),
        ("- a\n- list\n", "case: "),
        ("case: [unclosed", "case_file: case.yaml is not YAML at line 1"),
        ("case: a\n\tb: c\n", "case_file: case.yaml is not YAML at line 2"),
        ("case: !!python/object/apply:os.getcwd []", "case_file: case.yaml is not YAML"),
    ],
)
def test_a_file_that_is_no_case(refusal: Refusal, text: str, said: str) -> None:
    assert said in refusal(text)


def test_a_file_in_another_encoding_and_a_missing_one(case_folder: Path) -> None:
    path = case_folder / "case.yaml"
    with pytest.raises(Refused, match=r"case_file: case\.yaml cannot be read"):
        read_case_file(path)
    path.write_bytes("case: 示例".encode("gbk"))
    with pytest.raises(Refused, match=r"case_file: case\.yaml is not UTF-8"):
        read_case_file(path)
