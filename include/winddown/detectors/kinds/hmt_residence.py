"""Residence permit of Hong Kong, Macao and Taiwan residents (港澳台居民居住证号码), 18 characters.

The form of a resident identity number with ``810000`` (Hong Kong), ``820000`` (Macao) or ``830000`` (Taiwan) in place
of the division: date of birth, serial, and a check character by ISO 7064 MOD 11-2.

Source: Measures for Applying for Residence Permits for Hong Kong, Macao and Taiwan Residents (国办发〔2018〕81号);
GB 11643-1999 for the check character.

>>> is_valid("810000199408230021"), is_valid("830000199201300022")
(True, True)
>>> is_valid("810000199408230022"), is_valid("810001199408230021")
(False, False)
"""

from winddown.detectors.calendar_dates import eight_digits
from winddown.detectors.checksums import all_digits, mod_11_2, narrowed, reads
from winddown.detectors.kind import ALNUM, Block, Bools, Kind, Proof
from winddown.detectors.recognise import holds


def _check(block: Block) -> tuple[Bools, Bools]:
    last = block[:, -1]
    shaped = (block[:, 0] == ord("8")) & (block[:, 1] >= ord("1")) & (block[:, 1] <= ord("3"))
    shaped &= reads(block[:, 2:6], b"0000") & all_digits(block[:, 6:-1])
    shaped &= ((last >= ord("0")) & (last <= ord("9"))) | (last == ord("X"))
    shaped &= eight_digits(block[:, 6:14])
    return narrowed(shaped, block, mod_11_2)


KIND = Kind(
    id="hmt_residence",
    title_zh="港澳台居民居住证号码",
    title_en="residence permit number of a Hong Kong, Macao or Taiwan resident",
    proof=Proof.CHECKSUM,
    headers=("港澳台居民居住证", "港澳台居住证", "居住证号", "居住证号码", "jzzh", "jzzhm", "hmt_residence_permit"),
    min_length=18,
    max_length=18,
    classes=ALNUM,
    lengths=frozenset({18}),
    check=_check,
    chance=1 / 11,
    joins=True,
    embeds=True,
)


def is_valid(text: str) -> bool:
    """Return whether the whole text is such a residence permit's number."""
    return holds(KIND, text)
