"""Mobile phone number of mainland China (手机号), 11 digits, with or without ``+86``, ``86`` or ``0086``.

``1[3-9]`` and nine digits. New segments are allocated every few years, so an unallocated one is no reason to miss a
phone; but of a genuine column nearly all values lie in segments allocated today, which serial numbers do not.

Source: Telecommunications Network Code Numbering Plan (2017) and later allotments by the MIIT. There is no check
digit: 7% of random numbers of 11 digits and some 70% of serials beginning with 1 pass.

>>> is_valid("13812345678"), is_valid("+86 138-1234-5678"), is_valid("008613812345678")
(True, True, True)
>>> is_valid("１３８１２３４５６７８")
True
>>> is_valid("12812345678"), is_valid("1381234567"), is_valid("+85213812345678")
(False, False, False)
"""

import numpy as np

from winddown.detectors.checksums import all_digits, number, reads
from winddown.detectors.kind import DIGIT, Block, Bools, Kind, Proof
from winddown.detectors.recognise import holds

_PREFIXES = {11: b"", 13: b"86", 15: b"0086"}
_ALLOCATED = np.zeros(1000, np.bool_)
_ALLOCATED[[*range(130, 142), *range(144, 154), *range(155, 160), 162, *range(165, 168), *range(170, 179)]] = True
_ALLOCATED[[*range(180, 194), *range(195, 200)]] = True


def _check(block: Block) -> tuple[Bools, Bools]:
    shaped = all_digits(block)
    prefix = _PREFIXES[block.shape[1]]
    shaped &= reads(block[:, : len(prefix)], prefix)
    second = block[:, -10]
    return shaped, shaped & (block[:, -11] == ord("1")) & (second >= ord("3")) & (second <= ord("9"))


def _allocated(block: Block) -> Bools:
    return np.asarray(_ALLOCATED[number(block[:, -11:-8])])


KIND = Kind(
    id="mobile",
    title_zh="手机号",
    title_en="mobile phone number",
    proof=Proof.PATTERN,
    headers=(
        "手机",
        "手机号",
        "手机号码",
        "移动电话",
        "联系电话",
        "联系方式",
        "电话",
        "sj",
        "sjh",
        "sjhm",
        "shouji",
        "shoujihao",
        "dianhua",
        "lxdh",
        "lxfs",
        "mobile",
        "mobile_no",
        "phone",
        "phone_no",
        "phone_number",
        "cell",
        "cellphone",
        "tel",
        "telephone",
        "msisdn",
        "contact_phone",
    ),
    min_length=11,
    max_length=15,
    classes=DIGIT,
    lengths=frozenset(_PREFIXES),
    check=_check,
    chance=0.07,
    lookalike=0.75,
    joins=True,
    embeds=True,
    typical=_allocated,
    typical_share=0.97,
    typical_means="lie in number segments allocated to operators",
)


def is_valid(text: str) -> bool:
    """Return whether the whole text is a mobile phone number."""
    return holds(KIND, text)
