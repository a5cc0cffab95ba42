"""What a store says of itself is words for people to read; none of them names a customer."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from winddown.domain.blocker import Blocker
from winddown.domain.errors import Refused
from winddown.domain.inventory import Fact, Inventory
from winddown.stages.case_file import read_case_file
from winddown.stages.deployment import Deployment
from winddown.stages.discover import _without_personal_words, take_inventory
from winddown.stages.plan import _refuse_another_system

from .conftest import ShelfStore


def test_a_fact_whose_words_name_a_person_is_withheld_and_counted() -> None:
    kept = Fact("shop:a.orders", "readers", "clerk, report")
    found = _without_personal_words(
        [kept, Fact("shop:a.u_13800000000", "owner", "app"), Fact("shop:a.b", "partitions", "2: p_13800000001, rest")]
    )
    assert found == [kept, Fact("shop", "withheld", "2 facts that name a person")]


def test_a_blocker_about_a_name_that_names_a_person_does_not_tell_it(
    deployment: Deployment, write_case: Callable[[Any], Path], case_document: dict[str, Any], shop: ShelfStore
) -> None:
    plain = Blocker("no-primary-key", "shop:a.orders", "the table has no primary key", "administrator", "add one")
    shop.blockers += [
        plain,
        Blocker("no-primary-key", "shop:a.u_13800000000", "u_13800000000 has none", "x", "add one"),
    ]
    found = take_inventory(deployment, read_case_file(write_case(case_document)).case).blockers
    own = [blocker for blocker in found if blocker.code == "no-primary-key"]
    assert plain in own
    assert len(own) == 2
    assert "13800000000" not in repr(found)


def test_another_system_is_refused_and_one_that_is_down_is_not() -> None:
    first = Inventory((), (), identities=(("shop", "system 1"), ("files", "bucket 1")))
    _refuse_another_system(first, Inventory((), (), identities=(("shop", "system 1"),)))
    with pytest.raises(Refused, match=r"shop \(classified system 1, found system 2\)"):
        _refuse_another_system(first, Inventory((), (), identities=(("shop", "system 2"), ("files", "bucket 1"))))
