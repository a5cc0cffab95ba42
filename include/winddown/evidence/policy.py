"""Whom a reader of checkpoints trusts: logs, witnesses, and how many of them must have signed, as text.

    log <verifier key> [<url>]
    witness <name> <verifier key> [<url>]
    group <name> <all, any or a number> <name>…
    quorum <name, or none>

A checkpoint counts if one of the logs signed it and the quorum of witnesses cosigned it. A log's key has the log's
origin as its name. A ``log`` line with an SM2 key is more than C2SP has: it demands, of the log that it names, an SM2
signature beside whatever else signed. The policy is the auditor's own: it never comes with what it judges. Source: C2SP
tlog-policy.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from winddown.domain.errors import Refused
from winddown.evidence import strict
from winddown.evidence.checkpoint import Checkpoint
from winddown.evidence.merkle import EMPTY_ROOT
from winddown.evidence.note import Note
from winddown.evidence.signing import Kind, VerifyingKey

_RULE: Final = "C2SP tlog-policy"
_ALLOWED: Final = re.compile(r"[^\x00-\x08\x0b-\x1f\x7f]*")


@dataclass(frozen=True, slots=True)
class Member:
    """A key, and where its owner can be asked; "" for nowhere."""

    key: VerifyingKey
    url: str


@dataclass(frozen=True, slots=True)
class Policy:
    """Whom to trust.

    Attributes:
        logs: the logs' keys.
        witnesses: by the names that the policy gives them.
        groups: by name, how many of which members make it.
        quorum: a name of the above, or ``none``.
    """

    logs: tuple[Member, ...]
    witnesses: Mapping[str, Member]
    groups: Mapping[str, tuple[int, tuple[str, ...]]] = field(repr=False)
    quorum: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a policy; any line that is not understood, and any name that is not defined before, is refused."""
        if not _ALLOWED.fullmatch(text) or (text and not text.endswith("\n")):
            raise Refused("a policy is lines without control characters, each of them ended", rule=_RULE)
        logs: list[Member] = []
        witnesses: dict[str, Member] = {}
        groups: dict[str, tuple[int, tuple[str, ...]]] = {}
        quorums: list[str] = []
        members: list[str] = []
        for words in _lines(text):
            match words:
                case ["log", key, *url] if len(url) <= 1:
                    logs.append(Member(_key(key, {Kind.NOTE, Kind.POST_QUANTUM, Kind.SM2}), "".join(url)))
                case ["witness", name, key, *url] if len(url) <= 1 and name not in {"none", *witnesses, *groups}:
                    witnesses[name] = Member(_key(key, {Kind.COSIGNATURE, Kind.POST_QUANTUM}), "".join(url))
                case ["group", name, wanted, *names] if name not in {"none", *witnesses, *groups}:
                    groups[name] = (_threshold(wanted, len(names)), tuple(names))
                    members += names
                    if not {*members} <= {*witnesses, *groups} - {name} or len({*members}) < len(members):
                        raise Refused(f"group {name} has a member that is unknown or a member elsewhere", rule=_RULE)
                case ["quorum", name] if name in {"none", *witnesses, *groups}:
                    quorums.append(name)
                case _:
                    raise Refused(f"a line of the policy is not understood: {words[0]}", rule=_RULE)
        if len(quorums) != 1:
            raise Refused("a policy has exactly one quorum line", rule=_RULE)
        return cls(tuple(logs), witnesses, groups, quorums[0])

    def __post_init__(self) -> None:
        for keys in ([one.key.raw for one in self.logs], [one.key.raw for one in self.witnesses.values()]):
            if len({*keys}) < len(keys):
                raise Refused("the same key stands twice in the policy", rule=_RULE)

    def log_keys(self, origin: str) -> list[VerifyingKey]:
        """The keys of the log of this origin."""
        return [one.key for one in self.logs if one.key.name == origin]

    def judge(self, raw: bytes) -> Checkpoint:
        """Return the checkpoint of a note that counts by this policy.

        Raises:
            Refused: if it is malformed, of an unknown log, not signed by it, spoilt, or cosigned by too few.
        """
        note = Note.parse(raw)
        checkpoint = Checkpoint.parse(note.text)
        if checkpoint.size == 0 and checkpoint.root != EMPTY_ROOT:
            raise Refused("an empty log has the root of nothing", rule="C2SP tlog-checkpoint")
        note.open_of_log(self.log_keys(checkpoint.origin))
        seen = note.open([one.key for one in self.witnesses.values()])
        if self.quorum != "none" and not self._has(self.quorum, {*seen}):
            raise Refused(f"the checkpoint is not cosigned by quorum {self.quorum}", rule=_RULE)
        return checkpoint

    def _has(self, name: str, seen: set[VerifyingKey]) -> bool:
        if name in self.witnesses:
            return self.witnesses[name].key in seen
        wanted, names = self.groups[name]
        return sum(self._has(one, seen) for one in names) >= wanted


def _lines(text: str) -> Iterator[list[str]]:
    """The words of each line that says something; only spaces and tabs stand between words."""
    for line in text.split("\n"):
        words = [word for word in re.split(r"[ \t]+", line) if word]
        if words and not words[0].startswith("#"):
            yield words


def _key(line: str, kinds: set[Kind]) -> VerifyingKey:
    key = VerifyingKey.parse(line)
    if key.kind not in kinds:
        raise Refused("a key of the policy is of a kind that signs something else", rule=_RULE)
    return key


def _threshold(wanted: str, count: int) -> int:
    number = {"all": count, "any": 1}.get(wanted)
    number = strict.read_integer(wanted) if number is None else number
    if not 1 <= number <= count:
        raise Refused("a group's threshold is from 1 to the number of its members", rule=_RULE)
    return number
