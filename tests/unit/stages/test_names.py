"""What an inventory keeps of names, comments, types and references: nothing that is somebody's number or address."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from winddown.detectors.kinds import ALL
from winddown.detectors.lexicon import read_header, words_read
from winddown.detectors.names import is_speaking, names_a_person, words_in, words_of
from winddown.domain.canonical import canonical
from winddown.domain.inventory import Fact
from winddown.stages.case_file import read_case_file
from winddown.stages.deployment import Deployment
from winddown.stages.discover import _without_personal_words, take_inventory

from .conftest import ShelfStore

MAIL, PHONE, RESIDENT = "li.hua@mail.example.cn", "13800000000", "11010519491231002X"


@pytest.mark.parametrize(
    "name", [f"a/{MAIL}/b", f"public.t_{MAIL}", f"客户 {PHONE} 资料", f"u_{PHONE}", f"x/year=2024/{RESIDENT}"]
)
def test_a_name_with_a_number_or_an_address_in_it_names_a_person(name: str) -> None:
    assert names_a_person(words_of(name))


@pytest.mark.parametrize("name", ["shop.orders_2024", "exports/year=2024/month=11", "backup.2026-11-20", "v1.2.3@home"])
def test_an_ordinary_name_does_not(name: str) -> None:
    assert not names_a_person([*words_of(name), *words_in(name)])


@pytest.mark.parametrize(
    "name",
    [PHONE, "138 0000 0000", "+86 138 0000 0000", "6222 0212 3456 7890 128", "110105 19491231 002X", RESIDENT, MAIL],
)
def test_a_document_speaks_when_a_name_in_it_is_a_number_however_written(name: str) -> None:
    assert is_speaking(canonical(["csv", [["1", "int64"], [name, "string"]], ""]))
    assert is_speaking(canonical(["csv", [["owner", f'struct<"{name}": int64>']], ""]))
    assert is_speaking(canonical({"fields": {name: 1}}))
    assert not is_speaking(canonical(["csv", [["138", "int64"], ["0000", "string"], ["0000", "string"]], ""]))


def test_a_fact_with_an_email_address_is_withheld() -> None:
    found = _without_personal_words(
        [Fact(f"shop:main.w {MAIL}", "reads", "main.notes"), Fact("shop", "file", "8 bytes")]
    )
    assert found == [Fact("shop", "file", "8 bytes"), Fact("shop", "withheld", "1 facts that name a person")]


@pytest.mark.parametrize("comment", [*sorted({word for kind in ALL for word in kind.headers}), "下单日期", "电话备注"])
def test_what_is_kept_of_a_comment_is_read_as_the_comment_is(comment: str) -> None:
    for written in (comment, f"{comment}（例：{PHONE}）", f"客户的{comment}"):
        kept = words_read(written)
        assert PHONE not in kept
        assert read_header("c1", kept) == read_header("c1", written)


def test_comments_types_and_references_of_an_inventory_tell_nobody(
    deployment: Deployment, write_case: Callable[[Any], Path], case_document: dict[str, Any], shop: ShelfStore
) -> None:
    shop.put(f"people.{PHONE}", {"id": ["1"]}, key=("id",))
    shop.put("calls", {"id": ["1"], "other": ["1"]}, key=("id",), refers=[("other", f"people.{PHONE}")])
    shop.put("notes", {"id": ["1"], "c1": ["x"]}, key=("id",))
    shop.put("structs", {"id": ["1"], "who": ["x"]}, key=("id",))
    for name, change in (
        ("notes", {"comment": f"手机号 {PHONE} 欧阳"}),
        ("structs", {"type": f"struct<{PHONE}: int64>"}),
    ):
        collection, rows = shop.shelf[name]
        fields = (collection.fields[0], replace(collection.fields[1], **change))
        shop.shelf[name] = (replace(collection, fields=fields, comment=f"ask {MAIL}"), rows)
    inventory = take_inventory(deployment, read_case_file(write_case(case_document)).case)
    known = {found.ref.name: found for found in inventory.collections if found.ref.store == "shop"}
    assert (known["notes"].comment, known["notes"].fields[1].comment) == ("", "手机号 x")
    assert "structs" not in known
    (link,) = known["calls"].foreign_keys
    hidden = {found.subject for found in inventory.blockers if found.code == "personal-name"}
    assert str(link.target) in hidden, "the reference leads to the blocked collection, by its alias"
    assert not [word for word in (PHONE, MAIL, "欧阳") if word in repr(inventory)]


def test_what_a_table_refers_to_that_is_not_read_for_its_name_is_blocked(
    deployment: Deployment, write_case: Callable[[Any], Path], case_document: dict[str, Any], shop: ShelfStore
) -> None:
    shop.put("people", {"id": ["1"]}, key=("id",))
    shop.put(f"calls.{PHONE}", {"id": ["1"]}, key=("id",), refers=[("id", "people"), ("id", f"notes.{PHONE}")])
    shop.put(f"notes.{PHONE}", {"id": ["1"]}, key=("id",))
    inventory = take_inventory(deployment, read_case_file(write_case(case_document)).case)
    (found,) = [blocker for blocker in inventory.blockers if blocker.code == "unread-reference"]
    assert (found.subject, found.resolver) == ("shop:people", "steward")
    named = {blocker.subject for blocker in inventory.blockers if blocker.code == "personal-name"}
    assert any(f"rows of {name}," in found.explanation for name in named)
    assert PHONE not in repr(inventory)
