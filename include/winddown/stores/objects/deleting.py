"""Deletes versions by thousands, side by side, and accounts for each one that was ordered to go.

An answer of 200 may carry errors for single keys, so they are read; whether anything went is told by listing again, not
by the answer: some services forget a key, some lose versions when a listing is paged, and an answer may be lost.
"""

import base64
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from winddown.stores.objects.faults import PASSING_CODES, code_of, is_passing
from winddown.stores.objects.locks import Lock
from winddown.stores.objects.versions import Version
from winddown.stores.retrying import Backoff

_REQUEST_LIMIT, _REQUEST_LEAST = 1_000, 50
_SIDE_BY_SIDE = 8
_NOT_SAID = "not said"
# What no XML can say, not even as an entity, so no key with it goes into a request for many.
_UNSAYABLE = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
KEPT = "kept above what was refused"

Refusals = Mapping[Version, str]


@dataclass(frozen=True, slots=True)
class Account:
    """What became of the versions that a batch orders to go. Every one is counted once.

    Attributes:
        held: under a legal hold.
        locked: in retention, of whatever mode.
        failed: still listed for another reason; ``codes`` says which.
        until: the latest day on which a retention ends (ISO date); "" without any.
    """

    ordered: int
    held: int = 0
    locked: int = 0
    failed: int = 0
    codes: tuple[str, ...] = ()
    until: str = ""

    @property
    def purged(self) -> int:
        """How many are not listed any more."""
        return self.ordered - self.held - self.locked - self.failed

    def details(self) -> tuple[tuple[str, str], ...]:
        """For a receipt."""
        parts = ("ordered", "purged", "held", "locked", "failed")
        told = tuple((name, str(getattr(self, name))) for name in parts)
        return (*told, ("locked_until", self.until)) if self.until else told

    def __str__(self) -> str:
        """In words and counts, never keys."""
        parts = [f"of {self.ordered} versions ordered, {self.purged} purged"]
        parts += [f"{self.held} under a legal hold"] if self.held else []
        parts += [f"{self.locked} locked until {self.until}"] if self.locked else []
        parts += [f"{self.failed} failed ({', '.join(self.codes)})"] if self.failed else []
        return ", ".join(parts)


def account(ordered: int, refusals: Refusals, locks: Mapping[Version, Lock]) -> Account:
    """Settle an order: what was refused is held, locked or failed, the rest is purged."""
    held = [version for version in refusals if version in locks and locks[version].is_held]
    locked = [version for version in refusals if version in locks and not locks[version].is_held]
    failed = {refusals[version] for version in refusals if version not in locks}
    return Account(
        ordered,
        held=len(held),
        locked=len(locked),
        failed=len(refusals) - len(held) - len(locked),
        codes=tuple(sorted(failed)),
        until=max((locks[version].until for version in locked), default=""),
    )


class Deletion:
    """Deletes versions from one bucket.

    Args:
        bypass: use the right to delete under governance retention, for which an order needs its own approval.
    """

    def __init__(self, client: Any, bucket: str, *, backoff: Backoff, bypass: bool = False) -> None:
        self._client = client
        self._bucket = bucket
        self._backoff = backoff
        self._more = {"BypassGovernanceRetention": True} if bypass else {}
        # botocore sends a CRC; services that are older than that demand this and know nothing else.
        client.meta.events.register("before-sign.s3.DeleteObjects", _add_md5, unique_id="winddown-md5")

    def until_gone(
        self,
        left: list[Version],
        listed: Callable[[], list[Version]],
        *,
        only: Callable[[Version], bool] = lambda _: True,
        one_by_one: bool = False,
    ) -> tuple[list[Version], Refusals]:
        """Delete what is ``left``, list again from the start, and so on until nothing is or nothing more goes.

        ``one_by_one``: what is below shall show again, which not every service does after ``DeleteObjects`` (Swift).
        What the service throttled or broke off is tried again after a while; any other refusal is final. Returns the
        last listing, and the code of each version in it that should have gone and did not.
        """
        vain, fewest = 0, len(left)
        while doomed := [version for version in left if only(version)]:
            delete = self._each if one_by_one else self._delete
            codes = delete([_named(version) for version in doomed])
            left = listed()
            told = {
                version: codes.get((version.key, version.version_id), _NOT_SAID) for version in left if only(version)
            }
            vain = 0 if len(told) < fewest else vain + 1
            fewest = min(fewest, len(told))
            is_final = not set(told.values()) & {*PASSING_CODES, _NOT_SAID}
            if told and (is_final or vain >= self._backoff.attempts):
                return left, told
            if told and vain:
                self._backoff.sleep(self._backoff.wait_seconds(vain))
        return left, {}

    def hide(self, keys: Iterable[str]) -> dict[str, str]:
        """Put a marker on top of each key; return the codes of those that were refused."""
        return {key: code for (key, _), code in self._delete([{"Key": key} for key in keys]).items()}

    def _each(self, objects: list[dict[str, str]]) -> dict[tuple[str, str], str]:
        """Send a request for each; return what was refused, by key and version."""
        with ThreadPoolExecutor(max_workers=_SIDE_BY_SIDE) as pool:
            codes = pool.map(self._alone, objects)
            named = [(each["Key"], each.get("VersionId", "")) for each in objects]
            return {each: code for each, code in zip(named, codes, strict=True) if code}

    def _alone(self, each: dict[str, str]) -> str:
        try:
            self._client.delete_object(Bucket=self._bucket, **each, **self._more)
        except ClientError as error:
            return "SlowDown" if is_passing(error) else code_of(error)
        except BotoCoreError:
            return "SlowDown"
        return ""

    def _delete(self, objects: list[dict[str, str]]) -> dict[tuple[str, str], str]:
        """Send all of it once; return what was refused, by key and version.

        A service goes through the keys of a request one after the other, so the requests are made of equal size, as
        many as run side by side or a multiple of it: the last ones would keep the others waiting.
        """
        alone = [each for each in objects if _UNSAYABLE.search(each["Key"])]
        together = [each for each in objects if not _UNSAYABLE.search(each["Key"])]
        rounds = -(-len(together) // (_REQUEST_LIMIT * _SIDE_BY_SIDE))
        size = max(-(-len(together) // (rounds * _SIDE_BY_SIDE)), _REQUEST_LEAST) if together else 1
        parts = [together[start : start + size] for start in range(0, len(together), size)]
        with ThreadPoolExecutor(max_workers=_SIDE_BY_SIDE) as pool:
            answers = pool.map(lambda part: list(self._request(part)), parts)
            return dict(refused for answer in answers for refused in answer) | self._each(alone)

    def _request(self, objects: list[dict[str, str]]) -> Iterator[tuple[tuple[str, str], str]]:
        try:
            answer = self._client.delete_objects(
                Bucket=self._bucket, Delete={"Objects": objects, "Quiet": True}, **self._more
            )
        except (ClientError, BotoCoreError) as error:
            if not is_passing(error):
                raise
            # Nobody knows what of it was done. Listing again tells.
            yield from (((each["Key"], each.get("VersionId", "")), "SlowDown") for each in objects)
            return
        for told in answer.get("Errors", ()):
            yield (told.get("Key", ""), told.get("VersionId", "")), str(told.get("Code", "unknown"))


def _add_md5(request: Any, **_: Any) -> None:
    body = request.data if isinstance(request.data, bytes) else str(request.data).encode()
    digest = hashlib.md5(body, usedforsecurity=False).digest()
    request.headers["Content-MD5"] = base64.b64encode(digest).decode()


def _named(version: Version) -> dict[str, str]:
    """As a request names it."""
    return {"Key": version.key, "VersionId": version.version_id}
