"""Silent losses and silent leftovers that fresh eyes found; each must end as a named blocker or a refusal."""

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest

from winddown.domain.errors import Refused
from winddown.runner import run
from winddown.stages.quarantine import restore

MakeCase = Callable[..., Any]


def held_customer(case: Any) -> str:
    return (case.directory / "holds" / "hold-2026-01.csv").read_text().split()[1]


def finish(case: Any) -> None:
    while (halt := case.run()).reason != "finished":
        case.act(halt)


def test_a_held_persons_row_that_stands_only_in_an_older_version_is_not_lost(company_case: MakeCase) -> None:
    case = company_case()
    key = "exports/chats/history.jsonl.gz"
    row = {"customer_id": int(held_customer(case)), "at": "2026-01-02", "text": "旧版本"}
    case.put(key, gzip.compress(json.dumps(row).encode() + b"\n", mtime=0))
    other = next(found for found in case.keys("exports/chats/") if found != key)
    case.put(key, case.get(other))
    before = case.state()["shop_files:exports/chats"]
    finish(case)
    blocker = case.blockers()["older-versions-hold-more", "shop_files:exports/chats"]
    assert blocker.resolver == "steward"
    assert case.state()["shop_files:exports/chats"] == before


def test_versions_below_a_delete_marker_are_named(company_case: MakeCase) -> None:
    case = company_case()
    case.put("marketing/list.csv", b"name,mobile\nx,13800000000\n")
    with case.bucket() as client:
        client.delete_object(Bucket="huadong-shop", Key="marketing/list.csv")
    case.run()
    assert ("hidden-versions", "shop_files:marketing#deleted") in case.blockers()


def test_a_file_without_a_header_shows_nobody(company_case: MakeCase) -> None:
    case = company_case()
    case.put("uploads/13712349999/note.csv", b"a,b\n1,2\n")
    case.put("lists/plain.csv", "张三丰,13612348888,上海\n李四光,13612347777,上海\n".encode())
    case.run()
    assert sum(code == "personal-name" for code, _ in case.blockers()) == 2
    written = [path.read_bytes() for path in case.workspace.rglob("*") if path.is_file()]
    assert not [content for content in written if b"13712349999" in content or b"13612348888" in content]


@pytest.mark.thorough
def test_a_hold_that_arrives_in_grace_stops_the_purge(company_case: MakeCase) -> None:
    case = company_case()
    held = ",".join((case.directory / "holds" / "hold-2026-01.csv").read_text().split()[1:])
    fresh = case.number(
        "SELECT min(o.customer_id) FROM shop.orders o JOIN shop.customers c USING (customer_id) "
        f"WHERE c.birth_date < '2000-01-01' AND o.customer_id NOT IN ({held})"
    )
    orders = case.number(f"SELECT count(*) FROM shop.orders WHERE customer_id = {fresh}")
    halt = case.run_until("grace", wave="after-claims")

    def place(raw: dict[str, Any]) -> None:
        (case.directory / "holds" / "late.csv").write_text(f"customer_id\n{fresh}\n")
        raw["holds"].append({**raw["holds"][0], "id": "HOLD-LATE", "subjects": "holds/late.csv"})

    case.edit(place)
    with pytest.raises(Refused, match="restore"):
        case.open()
    case.act(halt)  # grace ends
    with pytest.raises(Refused, match="the holds changed"):
        run(case.deploy(), case.case_id)
    restore(case.deploy(), case.case_id, requested_by="chen.liquidator")
    finish(case)
    assert case.number(f"SELECT count(*) FROM shop.customers WHERE customer_id = {fresh} AND name <> ''") == 1
    assert case.number(f"SELECT count(*) FROM shop.orders WHERE customer_id = {fresh}") == orders


def test_a_blocker_that_is_resolved_after_the_certificate_is_carried_out(company_case: MakeCase) -> None:
    case = company_case()
    case.execute("CREATE TABLE shop.notes (note_id bigint PRIMARY KEY, customer_id bigint, mobile text)")
    case.execute("INSERT INTO shop.notes SELECT customer_id, customer_id, mobile FROM shop.customers")
    case.back_up()
    finish(case)
    left = case.number("SELECT count(*) FROM shop.notes")
    assert left > 0  # unregistered: nobody declared what it is for

    def register(raw: dict[str, Any]) -> None:
        entry = next(one for one in raw["register"] if one["collection"] == "shop_db:shop.addresses")
        raw["register"].append({**entry, "collection": "shop_db:shop.notes", "fields": {}})

    case.edit(register)
    case.back_up()  # the one from before the certificate holds what is gone, and proves nothing any more
    finish(case)
    # Their customers are gone or emptied by then, and whose the notes were, and who was a child, is still known.
    held = (case.directory / "holds" / "hold-2026-01.csv").read_text().split()[1:]
    assert case.number("SELECT count(*) FROM shop.notes") == len(held)
    assert {(item.label, item.disposition.value) for item in case.decisions("shop_db:shop.notes")} == {
        ("customer", "erase"),
        ("minor", "erase"),
        ("held", "held"),
    }


@pytest.mark.thorough
def test_what_was_written_after_the_first_reading_is_read_before_it_is_decided_on(company_case: MakeCase) -> None:
    case = company_case()
    case.run_until("grace")
    with case.database() as connection:  # as the superuser, whom no freeze stops
        connection.execute(
            "UPDATE finance.payments p SET method = '139' || lpad(n.n::text, 8, '0') FROM (SELECT payment_no, "
            "row_number() OVER () AS n FROM finance.payments) n WHERE n.payment_no = p.payment_no"
        )
    halt = case.run_until("approvals", wave="after-claims")
    plan = case.deploy().control.plan(halt.plan_id)
    # Phones under a name that says something else: the steward is asked, and until then nothing is done to the table.
    assert "shop_db:finance.payments" not in {str(found.collection) for found in plan.orders}
    reasons = {
        reason.rule
        for found in plan.decisions
        if str(found.collection) == "shop_db:finance.payments" and found.disposition == "blocked"
        for reason in found.reasons
    }
    assert "ambiguous-field" in reasons
