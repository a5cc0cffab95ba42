"""Personal name in Latin letters (外文姓名): ``Mary Jane O'Neill``, ``Dr. Jean-Luc Picard``, or one part of a name.

Names of China, of the West and in pinyin are three kinds, because what makes each of them evident differs: a
surname character, a given name out of a list, a syllable out of a table; and because one lexicon word (name,
姓名) stands for all three, they form a family. One to five words of letters; values are typical when the first of
the words is a frequent given name or surname. Names of products and places have the same form, so that a column
is judged by the share of typical ones.

Source: see ``given_names``. Names in text are not looked for: nothing that works offline finds them reliably.

>>> is_valid("Mary Jane O'Neill"), is_valid("Dr. Jean-Luc Picard"), is_valid("SMITH"), is_valid("Müller, Jürgen")
(True, True, True, True)
>>> is_valid("x"), is_valid("john smith 3"), is_valid("the quick brown fox jumps over")
(False, False, False)
"""

from winddown.detectors.given_names import GIVEN, SURNAMES
from winddown.detectors.kind import DOT, HIGH, LETTER, OTHER, UPPER, Kind, Proof
from winddown.detectors.recognise import holds

_UPPER, _ANY = "[A-ZÀ-ÞŁŚŻŠŽČ]", "[A-Za-zÀ-ɏ]"
_WORD = rf"(?:[dDlO]['’])?{_UPPER}{_ANY}+(?:['’-]{_ANY}+)*\.?"
_PART = rf"(?:{_WORD}|{_UPPER}\.?|de|da|do|dos|la|le|van|von|der|den|di|del|y|e)"
_TITLE = r"(?:(?:Mr|Mrs|Ms|Miss|Dr|Prof|Mme|Herr|Frau|Sr|Sra|Dott|Ing)\.? )?"
_NAMES = "|".join(sorted({*GIVEN.split(), *SURNAMES.split()}))

KIND = Kind(
    id="western_name",
    title_zh="外文姓名",
    title_en="personal name in Latin letters",
    proof=Proof.COLUMN,
    headers=(
        "英文名",
        "外文姓名",
        "姓名",
        "联系人",
        "姓氏",
        "ywm",
        "name",
        "full_name",
        "fullname",
        "first_name",
        "firstname",
        "last_name",
        "lastname",
        "middle_name",
        "given_name",
        "family_name",
        "surname",
        "forename",
        "real_name",
        "english_name",
        "customer_name",
        "cust_name",
        "contact_name",
        "contact_person",
        "consignee",
        "receiver",
        "recipient_name",
        "holder_name",
        "card_holder",
        "employee_name",
        "passenger_name",
        "patient_name",
    ),
    min_length=2,
    max_length=60,
    classes=LETTER | OTHER | DOT | HIGH,
    needs=UPPER,
    chance=0.2,
    lookalike=0.6,
    pattern=rf"{_TITLE}{_WORD}(?:,? {_PART}){{0,4}}",
    typical_pattern=rf"(?i:{_TITLE}(?:{_NAMES})(?:[ ,.-].*)?)",
    typical_share=0.2,
    typical_means="begin with a frequent given name or surname",
)


def is_valid(text: str) -> bool:
    """Return whether the whole text has the form of a personal name in Latin letters."""
    return holds(KIND, text)
