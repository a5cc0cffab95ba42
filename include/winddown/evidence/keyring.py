"""The keys of a deployment: PEM files in one folder, all of which sign.

One pair, of Ed25519 and ML-DSA-44, is made at first. To change keys, make a second pair: checkpoints and certificates
are then signed by old and new, and a reader who knows either is served. When all readers have the new ones, retire the
old pair: its files get another ending and sign no more. Names of logs are put to keys when they sign.

A pair may have an SM2 key beside it, for readers in China; pairs made later have one as well, or their readers would
lose it when the old pair goes.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from winddown.archive.atomic import made_folder
from winddown.domain.errors import Refused
from winddown.evidence.signing import Kind, Signer

# In the order in which they sign. The pair is there when its post-quantum key is, which is written last and goes first.
ENDINGS: Final = {Kind.NOTE: ".ed25519.pem", Kind.POST_QUANTUM: ".ml-dsa-44.pem", Kind.SM2: ".sm2.pem"}
_PAIR: Final = (Kind.NOTE, Kind.POST_QUANTUM)
_RETIRED: Final = ".retired"


def origin_of(case_id: str) -> str:
    """The name of a case's log, and so of the keys that sign for it."""
    return f"winddown/{case_id}"


def log_signers(folder: Path, origin: str) -> tuple[Signer, ...]:
    """All keys in the folder under the log's name, pair by pair; the first pair is made when there is none.

    Raises:
        Refused: if a key file is open to others or no key.
    """
    if not _pairs(folder):
        made_folder(folder)
        _create(folder, "1", _PAIR)
    return tuple(
        Signer.load(folder / f"{pair}{ending}", name=origin, kind=kind)
        for pair in _pairs(folder)
        for kind, ending in ENDINGS.items()
        if kind in _PAIR or _has_sm2(folder, pair)
    )


def add_pair(folder: Path, *, sm2: bool = False) -> str:
    """Make another pair, which signs beside the others from now; return its number.

    Args:
        folder: where the keys are.
        sm2: with an SM2 key. A pair has one in any case when one that signs does.
    """
    used = {int(path.name.partition(".")[0]) for path in folder.glob("*.pem*")}
    pair = str(max(used, default=0) + 1)
    made_folder(folder)
    is_wanted = sm2 or any(_has_sm2(folder, one) for one in _pairs(folder))
    _create(folder, pair, (Kind.SM2, *_PAIR) if is_wanted else _PAIR)
    return pair


def retire_pair(folder: Path, pair: str) -> None:
    """Let a pair sign no more; its files stay.

    Raises:
        Refused: if there is no such pair, or it is the only one.
    """
    pairs = _pairs(folder)
    if pair not in pairs:
        raise Refused(f"there is no pair of keys {pair}", next_step=f"pairs that sign: {', '.join(pairs) or 'none'}")
    if len(pairs) == 1:
        raise Refused("the only pair of keys is not retired", next_step="make another pair first: keys add")
    kinds = (*reversed(_PAIR), *([Kind.SM2] if _has_sm2(folder, pair) else []))
    for kind in kinds:
        path = folder / f"{pair}{ENDINGS[kind]}"
        path.rename(path.with_name(f"{path.name}{_RETIRED}"))


def _pairs(folder: Path) -> list[str]:
    """Numbers of the pairs that sign."""
    ending = ENDINGS[Kind.POST_QUANTUM]
    return sorted((path.name.removesuffix(ending) for path in folder.glob(f"*{ending}")), key=int)


def _has_sm2(folder: Path, pair: str) -> bool:
    return (folder / f"{pair}{ENDINGS[Kind.SM2]}").exists()


def _create(folder: Path, pair: str, kinds: Sequence[Kind]) -> None:
    for kind in kinds:
        try:
            Signer.create(folder / f"{pair}{ENDINGS[kind]}", name="new", kind=kind)
        except Refused:
            continue  # another process was first, or was killed after it; that key is the one
