"""What a header says: the words of Chinese, pinyin and English under which columns of each kind go.

The head of a header stands at its end, in English as in Chinese: ``order_phone`` is a phone, ``phone_status`` a
status, ``id_card_address`` an address. Of several words at the end the longest wins, so that ``ip_address`` is no
postal address.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from winddown.detectors.fold import fold
from winddown.detectors.kinds import ALL

FAMILIES: tuple[frozenset[str], ...] = (
    frozenset({"mobile", "landline", "phone_abroad"}),
    frozenset(
        [
            "resident_id",
            "resident_id_15",
            "hmt_residence",
            "foreigner_residence",
            "foreigner_residence_15",
            "hkid",
            "macau_id",
            "taiwan_id",
            "passport",
            "passport_foreign",
            "hk_macau_permit",
            "home_return_permit",
            "taiwan_permit",
            "military_id",
            "driving_licence",
            "social_insurance",
        ]
    ),
    frozenset({"uscc", "organisation_code", "business_registration", "taxpayer_15", "eu_vat"}),
    frozenset({"bank_card", "iban"}),
    frozenset({"person_name", "western_name", "pinyin_name", "company_name"}),
    frozenset({"address", "address_latin"}),
    frozenset({"password", "password_hash"}),
    frozenset({"imei", "device_id"}),
)
"""Kinds that one header may stand for: a column of phones holds mobiles and landlines."""

OF_COMPANIES = frozenset(
    [
        "uscc",
        "organisation_code",
        "business_registration",
        "taxpayer_15",
        "eu_vat",
        "company_name",
        "price",
        "contract_number",
        "contract_terms",
        "api_key",
        "private_key",
    ]
)
"""Kinds whose header says nothing of persons, so that a column beside it is no likelier to hold names."""

OTHER_THINGS = re.split(
    " ",
    "status state type flag count qty quantity amount price fee total rate version ver serial serial_no "
    "serial_number sn sku order_no order_id order_number batch_no batch lot tracking_no trace_id code seq "
    "sequence index verified valid enabled length created updated created_at updated_at create_time "
    "update_time pay_time paid_at order_date pay_date created_on time at on firmware build product item "
    "goods city province brand category file table column device_no level score reason country region title track "
    "album genre film movie color colour size style class currency language department group store location times "
    "attempts expiry expires required changed method date year month day "
    "update modified start end begin due shipped "
    "url link path picture image format",
)
OTHER_THINGS_ZH = re.split(
    " ",
    "状态 类型 类别 标志 标识 数量 金额 价格 费用 合计 费率 版本 版本号 序列号 流水号 "
    "订单号 单号 批次 批号 编号 编码 代号 时间 下单日期 创建日期 更新日期 支付日期 商品 产品 "
    "品名 城市 省份 品牌 设备号 等级 评分 原因 次数 日期 更新 开始 结束 "
    "颜色 规格 部门 国家 地区 图片 链接 单位 来源 渠道",
)
_BARE = frozenset({"name", "名字", "address", "地址"})  # words that take their sense from what stands before them


@dataclass(frozen=True, slots=True)
class HeaderHint:
    """The kinds that a header names, the word that names them, and the word for something else, if there is one.

    ``is_head``: the word ends the header, so that the header is about it. ``is_bare``: the word alone stands there and
    takes its sense from the table (a name may be a product's).
    """

    kinds: frozenset[str] = frozenset()
    word: str = ""
    other: str = ""
    is_head: bool = True
    is_bare: bool = False

    @property
    def family(self) -> frozenset[str]:
        """Return the named kinds together with those that commonly share their column."""
        return self.kinds.union(*(family for family in FAMILIES if family & self.kinds))


def read_header(header: str, comment: str = "") -> HeaderHint:
    """Return what a header says, and failing that, what its comment says.

    >>> sorted(read_header("custMobileNo").kinds), sorted(read_header("客户手机号").kinds)
    (['mobile'], ['mobile'])
    >>> read_header("phone_status").other, read_header("product_name").other, sorted(read_header("order_phone").kinds)
    ('status', 'product', ['mobile', 'phone_abroad'])
    """
    hint = _read(header)
    if hint.kinds or hint.other or not comment:
        return hint
    return _read(comment)


def words_read(comment: str) -> str:
    """Return what ``read_header`` takes from a comment, and nothing else that its author wrote.

    >>> words_read("联系电话，例如 13800000000 王伟"), words_read("客户手机号"), words_read("see the manual")
    ('联系电话 x', '手机号', '')
    """
    hint = _read(comment)
    if hint.other:
        return hint.other
    before, after = ("x ", "") if hint.word in _BARE and not hint.is_bare else ("", "")
    if hint.kinds and not hint.is_head:
        after = " x"
    return f"{before}{hint.word}{after}"


def count_personal(headers: Iterable[str]) -> int:
    """Return how many of the headers name personal information."""
    return sum(bool(_read(header).kinds - OF_COMPANIES) for header in headers)


@lru_cache(maxsize=4096)
def _read(text: str) -> HeaderHint:
    folded = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", fold(text)).lower()
    latin = "_" + "_".join(re.findall(r"[a-z0-9]+", folded)) + "_"
    named = [
        (len(word.encode()), word, kind.id)
        for kind in ALL
        for word in kind.headers
        if (f"_{word}_" in latin if word.isascii() else word in folded)
    ]
    heads = [each for each in named if _ends_with(each[1], latin, folded)]
    named = heads or named
    longest = max((length for length, _, _ in named), default=0)
    best = [(word, kind_id) for length, word, kind_id in named if length == longest]
    word = best[0][0] if best else ""
    tail = [other for other in OTHER_THINGS if latin.endswith(f"_{other}_")]
    tail += [other for other in OTHER_THINGS_ZH if folded.endswith(other)]
    if word in _BARE:
        tail += [other for other in OTHER_THINGS if f"_{other}_" in latin]
        tail += [other for other in OTHER_THINGS_ZH if other in folded]
    if tail and not _ends_with(word, latin, folded):
        return HeaderHint(other=max(tail, key=len))
    if tail and word in _BARE:
        return HeaderHint(other=max(tail, key=len))
    is_head = _ends_with(word, latin, folded)
    is_bare = word in _BARE and (latin.strip("_") == word or folded == word)
    return HeaderHint(frozenset(kind_id for _, kind_id in best), word, is_head=is_head, is_bare=is_bare)


def _ends_with(word: str, latin: str, folded: str) -> bool:
    return bool(word) and (latin.endswith(f"_{word}_") or folded.endswith(word))
