"""Postal address in Chinese (地址).

From large to small: an administrative division (省, 市, 区, 县 …), a street, village or estate, and a number (号, 栋,
单元, 室 …); or three levels of divisions down to a village without a number.

Source: GB/T 23705-2009 on the levels of address elements. Does not look places up, does not recognise addresses in
Latin letters.

>>> is_valid("浙江省杭州市西湖区文三路138号"), is_valid("朝阳区建国路88号院3号楼1201室")
(True, True)
>>> is_valid("湖南省浏阳市大瑶镇新河村")
True
>>> is_valid("浙江省杭州市"), is_valid("请于3号前付清"), is_valid("上海市分公司")
(False, False, False)
"""

from winddown.detectors.kind import DIGIT, DOT, HIGH, LETTER, OTHER, Kind, Proof
from winddown.detectors.recognise import holds

_DIVISION = "[省市区县旗州盟縣區]"
_PLACE = "(?:[路街道巷弄段村镇鎮乡鄉里苑园湾庄屯]|胡同|小区|大厦|广场|公寓|新城|中心)"
_NUMBER = "[0-9A-Za-z一二三四五六七八九十]+(?:[号號栋棟幢座室层層楼樓弄组队]|单元)"
_REST = "[^,。;!?]"

KIND = Kind(
    id="address",
    title_zh="地址",
    title_en="postal address",
    proof=Proof.COLUMN,
    headers=(
        "地址",
        "住址",
        "家庭住址",
        "详细地址",
        "收货地址",
        "通讯地址",
        "户籍地址",
        "dz",
        "dizhi",
        "zhuzhi",
        "xxdz",
        "txdz",
        "address",
        "addr",
        "home_address",
        "street",
        "shipping_address",
        "residence",
    ),
    min_length=15,
    max_length=240,
    classes=DIGIT | LETTER | DOT | OTHER | HIGH,
    needs=HIGH,
    chance=0.02,
    lookalike=0.3,
    embeds=True,
    pattern=(
        f"{_REST}+{_DIVISION}{_REST}*{_PLACE}{_REST}*{_NUMBER}{_REST}*"
        f"|{_REST}*(?:[路街巷弄]|大道)(?:[0-9一二三四五六七八九十]+[段巷弄])?[0-9]+(?:[之-][0-9]+)?[号號]{_REST}*"
        f"|{_REST}+[省市]{_REST}+[市区县旗]{_REST}+(?:[镇乡]|街道){_REST}+[村庄屯]{_REST}*"
    ),
    finder=f"{_DIVISION}[^,。;!? ]*{_PLACE}[^,。;!? ]*{_NUMBER}",
)


def is_valid(text: str) -> bool:
    """Return whether the whole text has the form of a postal address."""
    return holds(KIND, text)
