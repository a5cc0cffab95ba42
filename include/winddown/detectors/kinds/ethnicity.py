"""Ethnic group (民族): the 56 of China, with or without 族.

Source: GB/T 3304-1991 on the names of the nationalities of China. The codes of two digits are not recognised. Without
族 most of the names are also words for other things (白, 土, 水).

>>> is_valid("汉族"), is_valid("维吾尔族"), is_valid("壮")
(True, True, True)
>>> is_valid("家族"), is_valid("白色"), is_valid("01")
(False, False, False)
"""

from winddown.detectors.kind import ALNUM, HIGH, Kind, Proof
from winddown.detectors.recognise import holds

KIND = Kind(
    id="ethnicity",
    title_zh="民族",
    title_en="ethnicity",
    proof=Proof.VOCABULARY,
    headers=(
        "民族",
        "mz",
        "minzu",
        "ethnicity",
        "ethnic",
        "ethnic_group",
        "race",
    ),
    min_length=3,
    max_length=18,
    classes=HIGH | ALNUM,
    chance=0.01,
    lookalike=0.5,
    pattern=(
        "(?i:汉族?|蒙古族?|回族?|藏族?|维吾尔族?|苗族?|彝族?|壮族?|布依族?|朝鲜族?"
        "|满族?|侗族?|瑶族?|白族?|土家族?|哈尼族?|哈萨克族?|傣族?|黎族?|傈僳族?"
        "|佤族?|畲族?|高山族?|拉祜族?|水族?|东乡族?|纳西族?|景颇族?|柯尔克孜族?"
        "|土族?|达斡尔族?|仫佬族?|羌族?|布朗族?|撒拉族?|毛南族?|仡佬族?|锡伯族?"
        "|阿昌族?|普米族?|塔吉克族?|怒族?|乌孜别克族?|俄罗斯族?|鄂温克族?"
        "|德昂族?|保安族?|裕固族?|京族?|塔塔尔族?|独龙族?|鄂伦春族?|赫哲族?"
        "|门巴族?|珞巴族?|基诺族?|其他|穿青人|外国血统中国籍人士)"
    ),
    typical_pattern=".*族",
    typical_share=0.8,
    typical_means="are written with 族",
)


def is_valid(text: str) -> bool:
    """Return whether the whole text is an ethnic group of China."""
    return holds(KIND, text)
