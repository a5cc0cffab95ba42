"""The Unified Social Credit Code, with python-stdnum as the oracle."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.cn import uscc

from winddown.domain.company import Company, uscc_check_character
from winddown.domain.errors import Refused

ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
CODE = "91310000MA1K35QT41"


@given(body=st.text(ALPHABET, min_size=17, max_size=17))
def test_check_character_is_the_one_that_python_stdnum_computes(body: str) -> None:
    assert uscc_check_character(body) == uscc.calc_check_digit(body)


@pytest.mark.parametrize("wrong", [char for char in ALPHABET if char != CODE[17]])
def test_every_other_check_character_is_refused(wrong: str) -> None:
    with pytest.raises(Refused, match=r"company\.uscc.*wrong check character"):
        Company("示例公司", "Example", CODE[:17] + wrong)


@pytest.mark.parametrize(
    "code", ["", CODE[:17], CODE + "0", CODE.lower(), CODE.replace("M", "I"), "９" + CODE[1:], f" {CODE[:17]}"]
)
def test_another_length_or_alphabet_is_refused_and_says_where_to_find_the_code(code: str) -> None:
    with pytest.raises(Refused, match=r"company\.uscc.*18 characters.*business licence"):
        Company("示例公司", "Example", code)


def test_a_valid_code_is_taken_as_it_is() -> None:
    assert uscc.is_valid(CODE)
    assert Company("示例公司", "Example", CODE).uscc == CODE
