"""Chinese personal name in pinyin (姓名拼音): ``Zhang Wei``, ``ZHANG XIAOMING``, ``Xiaoming Wang``, ``Li Xiao-Ming``.

Two or three words that consist of Mandarin syllables, the first or last of which is a surname. Words of other languages
can be cut into such syllables as well (``Lena Man``), so that a column shows itself by the share that fits.

Source: GB/T 28039-2011 on the spelling of names; GB/T 16159-2012. Wade-Giles and Cantonese spellings are not
recognised, nor names written as one word.

>>> is_valid("Zhang Wei"), is_valid("ZHANG XIAOMING"), is_valid("Xiaoming Wang"), is_valid("Ouyang Nana")
(True, True, True, True)
>>> is_valid("John Smith"), is_valid("New York"), is_valid("zhangwei")
(False, False, False)
"""

from winddown.detectors.kind import LETTER, OTHER, Kind, Proof
from winddown.detectors.recognise import holds

_SYLLABLE = (
    "(?:a[io]?|an|ang|e[irn]?|eng|ou?|(?:zh|ch|sh)(?:a[io]?|ang?|e|eng?|i|ong|ou|u|ua|uai|uan|uang|ui|un|uo)|shei"
    "|[bpmf](?:a|ai|ao|ang?|ei|eng?|o|ou|u)|[bpm](?:i|ie|iao|ian|ing?)|miu"
    "|[dtnl](?:a|ai|ao|ang?|e|ei|eng?|i|ie|iao|ian|iang|ing?|iu|ong|ou|u|uan|un|uo|ui|v|ve|ue)"
    "|[gkh](?:a|ai|ao|ang?|e|ei|eng?|ong|ou|u|ua|uai|uan|uang|ui|un|uo)"
    "|[jqx](?:i|ia|ie|iao|iu|ian|iang|ing?|iong|u|ue|uan|un)"
    "|[zcs](?:a|ai|ao|ang?|e|ei|eng?|i|ong|ou|u|uan|ui|un|uo)"
    "|r(?:ao|ang?|e|eng?|i|ong|ou|u|ua|uan|ui|un|uo)"
    "|y(?:a|ao|ang?|e|i|ing?|o|ong|ou|u|uan|ue|un)|w(?:a|ai|ang?|ei|eng?|o|u))"
)
_SURNAME = (
    "(?:wang|li|zhang|liu|chen|yang|huang|zhao|wu|zhou|xu|sun|ma|zhu|hu|guo|he|lin|luo|gao|zheng|liang|xie|song|tang|han"
    "|feng|deng|cao|peng|zeng|xiao|tian|dong|pan|yuan|cai|jiang|yu|du|ye|cheng|wei|su|lu|lv|ding|ren|yao|shen|zhong|cui"
    "|tan|fan|liao|shi|jin|jia|xia|fu|fang|zou|xiong|bai|meng|qin|qiu|hou|yin|xue|yan|lei|long|tao|mao|hao|gu|gong|shao"
    "|wan|qian|dai|mo|kong|xiang|chang|ouyang|sima|zhuge|shangguan|huangfu|gan|hong|wen|kang|ji|niu|qi|ning|geng|yue|lan"
    "|miao|mei|zuo|zhan|ge|bi|nie|pang|xing|zhuang|cen|tong|bao|an|qu|ai|pu|mi|ni|ou|ruan|she|tu|you|zhai)"
)
_COMMON = "(?:wang|li|zhang|liu|chen|yang|huang|zhao|wu|zhou|xu|sun|ma|zhu|hu|guo|he|lin|luo|gao)"
_GIVEN = f"{_SYLLABLE}(?:[ '-]?{_SYLLABLE})?"

KIND = Kind(
    id="pinyin_name",
    title_zh="姓名拼音",
    title_en="Chinese personal name in pinyin",
    proof=Proof.COLUMN,
    headers=(
        "姓名拼音",
        "拼音",
        "拼音名",
        "xmpy",
        "pinyin",
        "name_pinyin",
        "pinyin_name",
        "name",
        "full_name",
        "real_name",
        "customer_name",
        "cust_name",
        "contact_name",
        "holder_name",
        "passenger_name",
    ),
    min_length=4,
    max_length=30,
    classes=LETTER | OTHER,
    needs=OTHER,
    chance=0.05,
    lookalike=0.3,
    pattern=f"(?i:{_SURNAME},? {_GIVEN}|{_GIVEN} {_SURNAME})",
    typical_pattern=f"(?i:{_COMMON},? .*|.* {_COMMON})",
    typical_share=0.25,
    typical_means="bear one of the twenty most frequent surnames",
)


def is_valid(text: str) -> bool:
    """Return whether the whole text has the form of a Chinese name in pinyin."""
    return holds(KIND, text)
