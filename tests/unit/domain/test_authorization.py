"""One authorization is the right to one act on one batch of one store, and to nothing that is like it."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from winddown.domain.authorization import Authorization, Power
from winddown.domain.errors import Refused


def stands(_: Authorization) -> None:
    """Nothing stands against it."""


RIGHT = Authorization(
    Power.PURGE, "c-1", "shop", "o-1", "a" * 64, "shop 1", "b" * 32, datetime(2026, 11, 23, tzinfo=UTC), stands
)
ASKED: dict[str, Any] = {"power": Power.PURGE, "store": "shop", "target": "o-1", "batch_digest": "a" * 64}


@pytest.mark.parametrize(
    "change",
    [{}, {"power": Power.QUARANTINE}, {"store": "files"}, {"target": "o-2"}, {"target": ""}, {"batch_digest": "c" * 64},
     {"batch_digest": ""}],
)  # fmt: skip
def test_it_covers_what_it_was_minted_for_alone(change: dict[str, Any]) -> None:
    asked = ASKED | change
    if not change:
        RIGHT.require(**asked)
        return
    with pytest.raises(Refused, match="an authorization to purge o-1 of shop does not cover the"):
        RIGHT.require(**asked)


def test_an_act_on_a_whole_store_names_no_target_and_no_batch() -> None:
    whole = replace(RIGHT, power=Power.SANITISE, batch_digest="")
    whole.require(Power.SANITISE, store="shop")
    with pytest.raises(Refused, match="does not cover the sanitise of files"):
        whole.require(Power.SANITISE, store="files")
    with pytest.raises(Refused, match="does not cover the purge of shop"):
        RIGHT.require(Power.PURGE, store="shop")


def test_whoever_minted_it_is_asked_whether_it_still_stands() -> None:
    def withdrawn(right: Authorization) -> None:
        raise Refused(f"{right.target} was withdrawn")

    RIGHT.require_standing()
    asked = replace(RIGHT, still_stands=withdrawn)
    with pytest.raises(Refused, match="o-1 was withdrawn"):
        asked.require_standing()
    assert asked == RIGHT, "whom it asks is no part of what it allows"
    assert "still_stands" not in repr(RIGHT)


@pytest.mark.parametrize(("identity", "planned"), [("shop 1", "shop 1"), ("", "none")])
def test_another_system_than_the_planned_one_is_refused(identity: str, planned: str) -> None:
    right = replace(RIGHT, identity=identity)
    right.require_system(identity)
    with pytest.raises(Refused, match=f"store shop is now another system: planned {planned}, found shop 2"):
        right.require_system("shop 2")
