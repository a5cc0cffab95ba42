"""Chinese personal name (姓名).

Two or three Han characters of which the first is a surname, three or four beginning with a compound surname, or parts
joined by a middle dot, as in transliterated names; or a surname and a given name with a space between them, in either
order. A value alone proves little: 高级 begins with a surname too. A
column of names shows itself by the share of values that fit, by how many of them differ, and by how many bear one of
the twenty surnames that half of the population shares.

Source: the Hundred Family Surnames; name report of the Ministry of Public Security. Inside text only names after a
word such as 姓名 or 联系人, or before 先生 or 女士, are seen: nothing that works offline finds more than six in ten
of the rest. Western names are not recognised.

>>> is_valid("王小明"), is_valid("欧阳娜娜"), is_valid("阿卜杜拉·买买提")
(True, True, True)
>>> is_valid("王 小明"), is_valid("小明 王"), is_valid("小明 的")
(True, True, False)
>>> is_valid("的小明"), is_valid("王"), is_valid("王小明先生您好")
(False, False, False)
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from winddown.compiled import compiled
from winddown.detectors.checksums import among, columns_of
from winddown.detectors.kind import HIGH, OTHER, Block, Bools, Kind, Proof
from winddown.detectors.recognise import holds
from winddown.detectors.surnames import COMMON, COMPOUND, SINGLE

_HAN = "[一-鿿]"
_DOTTED = rf"{_HAN}{{2,8}}·{_HAN}{{2,8}}(?:·{_HAN}{{2,8}})?"
_SINGLE = np.zeros(65536, np.bool_)
_SINGLE[[ord(character) for character in SINGLE]] = True
_COMMON = np.zeros(65536, np.bool_)
_COMMON[[ord(character) for character in COMMON]] = True
_FIRST_OF_TWO = np.zeros(65536, np.bool_)
_FIRST_OF_TWO[[ord(pair[0]) for pair in COMPOUND]] = True
_COMPOUND = np.array([ord(pair[0]) << 16 | ord(pair[1]) for pair in COMPOUND], np.int64)
_TWO, _THREE, _FOUR = 6, 9, 12  # bytes of so many Han characters


def _character(block: Block, place: int) -> npt.NDArray[np.int64]:
    # A sequence of three bytes; anything else gives a number that no Han character has.
    codes = np.zeros(len(block), np.int64)
    _read(columns_of(block[:, 3 * place : 3 * place + 3]), codes)
    return codes


@compiled
def _read(columns: Any, codes: Any) -> None:
    for row in range(len(codes)):
        lead, second, third = columns[0, row], columns[1, row], columns[2, row]
        if lead >> 4 == 14 and second >> 6 == 2 and third >> 6 == 2:  # noqa: PLR2004 - UTF-8
            codes[row] = np.int64(lead & 15) << 12 | np.int64(second & 63) << 6 | np.int64(third & 63)


def _check(block: Block) -> tuple[Bools, Bools]:
    characters = [_character(block, place) for place in range(block.shape[1] // 3)]
    shaped = np.ones(len(block), np.bool_)
    for character in characters:
        shaped &= (character >= ord("一")) & (character <= ord("鿿"))
    valid = np.zeros(len(block), np.bool_)
    if block.shape[1] <= _THREE:
        valid |= _SINGLE[characters[0]]
    if block.shape[1] >= _THREE:
        valid |= among(_FIRST_OF_TWO[characters[0]], block, _has_compound)
    return shaped, shaped & valid


def _has_compound(block: Block) -> Bools:
    return np.isin(_character(block, 0) << 16 | _character(block, 1), _COMPOUND)


def _common(block: Block) -> Bools:
    return np.asarray(_COMMON[_character(block, 0)])


KIND = Kind(
    id="person_name",
    title_zh="姓名",
    title_en="personal name",
    proof=Proof.COLUMN,
    headers=(
        "姓名",
        "名字",
        "客户姓名",
        "联系人",
        "收货人",
        "收件人",
        "真实姓名",
        "法定代表人",
        "法人",
        "户名",
        "xm",
        "xingming",
        "lxr",
        "khxm",
        "name",
        "full_name",
        "real_name",
        "customer_name",
        "cust_name",
        "user_name",
        "contact_name",
        "contact_person",
        "consignee",
        "receiver",
        "recipient_name",
        "holder_name",
    ),
    min_length=7,
    max_length=80,
    classes=HIGH | OTHER,
    needs=HIGH,
    chance=0.2,
    lookalike=0.6,
    embeds=True,
    lengths=frozenset({_TWO, _THREE, _FOUR}),
    check=_check,
    pattern=rf"{_DOTTED}|[{SINGLE}] {_HAN}{{1,2}}|{_HAN}{{1,2}} [{SINGLE}]",
    typical_pattern=rf"[{COMMON}] .*|.* [{COMMON}]",
    finder=(
        rf"(?:姓名|联系人|收件人|收货人|户名|经办人|本人)[: ]*[{SINGLE}]{_HAN}{{1,2}}"
        rf"|[{SINGLE}]{_HAN}{{0,2}}(?:先生|女士|小姐)"
    ),
    typical=_common,
    typical_share=0.25,
    typical_means="bear one of the twenty most frequent surnames",
)


def is_valid(text: str) -> bool:
    """Return whether the whole text has the form of a Chinese personal name."""
    return holds(KIND, text)
