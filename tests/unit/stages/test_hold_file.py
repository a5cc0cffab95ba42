"""A hold as people file it: what is wrong with it is said by field, and nobody on its list loses it."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from winddown.domain.errors import Refused
from winddown.stages.case_model import HoldModel
from winddown.stages.hold_file import DeclaredHold, hold_problems, with_subjects

FILED = {
    "id": "H-2", "matter": "matter 2", "ground": "customs", "authority": "示例海关", "document_number": "第2号",
    "placed_on": date(2026, 11, 20), "review_on": date(2027, 11, 20), "steward": "li",
    "collections": ["shop:orders"],
}  # fmt: skip


NOTHING = "a hold that covers nothing protects nothing (name the company, collections, persons or a range of dates)"


def filed(**changes: Any) -> HoldModel:
    return HoldModel.model_validate(FILED | changes)


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., DeclaredHold]:
    """Read a list of persons with this content."""

    def make(content: bytes) -> DeclaredHold:
        (tmp_path / "two.csv").write_bytes(content)
        return with_subjects(filed(subjects="two.csv"), tmp_path, "hold", key="customer")

    return make


@pytest.mark.parametrize(
    ("content", "subjects"),
    [
        (b"subject\nC-1\nC-2\n", ("C-1", "C-2")),
        (b"customer\nC-1\n", ("C-1",)),
        (b"\xef\xbb\xbfsubject\r\n\r\nC-1\r\n", ("C-1",)),
        (b"subject\nC-1 \n C-2", ("C-1 ", " C-2")),
        (b'subject\n"C,1"\n', ("C,1",)),
    ],
)
def test_a_list_names_persons_as_they_are_written(
    read: Callable[..., DeclaredHold], content: bytes, subjects: tuple[str, ...]
) -> None:
    assert read(content).subjects == subjects


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "two.csv needs one column headed 'customer' or 'subject'"),
        (b"C-1\nC-2\n", "needs one column"),  # without a header the first person would lose the hold
        (b"customers\nC-1\n", "needs one column"),
        (b"subject,note\nC-1,x\n", "needs one column"),
        (b"subject\nC-1\nC-2,x\n", "needs one column"),
        (b"subject\n", "two.csv names nobody, or has a blank line"),
        (b"subject\n \n", "has a blank line"),
        (b"subject\nC-1\n \nC-2\n", "has a blank line"),
        (b"subject\nC-1\rC-2\n", "two.csv is not CSV"),
        ("subject\n张三\n".encode("gbk"), "two.csv is not UTF-8"),
    ],
)
def test_a_list_in_which_somebody_may_be_missing_is_refused(
    read: Callable[..., DeclaredHold], content: bytes, said: str
) -> None:
    with pytest.raises(Refused) as refused:
        read(content)
    assert refused.value.message.startswith("hold.subjects: two.csv ")
    assert said in refused.value.message


def test_a_hold_without_a_list_is_about_everybody(tmp_path: Path) -> None:
    found = with_subjects(filed(), tmp_path, "hold", key="customer")
    assert found == DeclaredHold(filed())
    scope = found.placed(manifest="m", subjects_digest="d").scope
    assert (scope.subjects_manifest, scope.subjects_digest, scope.subject_count) == ("", "", 0)


def test_a_person_who_is_named_twice_is_one() -> None:
    found = DeclaredHold(filed(), ("C-1", "C-2", "C-1"))
    scope = found.placed(manifest="m", subjects_digest="d").scope
    assert (scope.subjects_manifest, scope.subjects_digest, scope.subject_count) == ("m", "d", 2)
    assert "C-1" not in repr(found), "whom it names, nobody reads in a log"


@pytest.mark.parametrize(
    ("changes", "persons", "said"),
    [
        ({}, False, []),
        ({"collections": []}, True, []),
        ({"steward": "wu"}, False, ["hold.steward: wu is not in people"]),
        ({"collections": ["attic:a", "shop:b", "cellar:c"]}, False,
         ["hold.collections: store 'attic' is not declared", "hold.collections: store 'cellar' is not declared"]),
        ({"review_on": date(2026, 11, 20)}, False, ["hold.review_on: 2026-11-20 is not after placed_on 2026-11-20"]),
        ({"review_on": date(2026, 11, 21)}, False, []),
        ({"collections": []}, False, [f"hold: {NOTHING}"]),
        ({"since": date(2025, 1, 2), "until": date(2025, 1, 1)}, False,
         ["hold: a hold's dates end on 2025-01-01, before they begin on 2025-01-02"]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_by_field_and_once(changes: dict[str, Any], said: list[str], *, persons: bool) -> None:
    model = filed(**changes)
    assert list(hold_problems(model, "hold", people={"li"}, stores={"shop"}, has_persons=persons)) == said
