"""Collections that are a trade secret as a whole: lists of customers and lists of prices.

No cell is a trade secret by itself. A list of customers is one when it joins who the customer is, how to reach them and
what they buy or pay (法释〔2020〕7号, article 1: customers' names, addresses, contacts, habits, intentions and content
of dealings), a list of prices when it joins what is sold with a price that is not public.

The judgement rests on the kinds found in the columns and, for what has no kind, on words of the headers. Whether the
company kept the list secret, which the law demands as well, no data can say.

>>> found = lists_in(["company", "phone", "deal_price"], {"company": "company_name", "phone": "mobile"})
>>> [(each.kind, each.fields) for each in found]
[('customer_list', ('company', 'phone', 'deal_price'))]
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from winddown.detectors.fold import fold

WHO = frozenset({"person_name", "western_name", "pinyin_name", "company_name"})
REACH = frozenset({"mobile", "landline", "phone_abroad", "email", "wechat", "qq", "address", "address_latin"})
PRICE = frozenset({"price", "contract_terms"})
_DEALINGS = frozenset(
    [
        "price",
        "amount",
        "total",
        "quantity",
        "deal",
        "order",
        "orders",
        "purchase",
        "purchases",
        "turnover",
        "sales",
        "revenue",
        "credit",
        "level",
        "segment",
    ]
)
_DEALINGS_ZH = ("价", "金额", "数量", "成交", "订单", "采购", "消费", "销售", "等级", "意向")
_GOODS = frozenset(["product", "item", "sku", "goods", "article", "part", "material", "service"])
_GOODS_ZH = ("商品", "产品", "品名", "物料", "货号", "服务")


@dataclass(frozen=True, slots=True)
class ListFinding:
    """A list that was found, the fields that make it one, and why."""

    kind: str
    fields: tuple[str, ...]
    reasons: tuple[str, ...]


def lists_in(headers: Sequence[str], kinds: Mapping[str, str]) -> tuple[ListFinding, ...]:
    """Return the lists that a collection is.

    Args:
        headers: every field of the collection, in order.
        kinds: the confirmed kind of those fields that have one.
    """
    who = [name for name in headers if kinds.get(name) in WHO]
    reach = [name for name in headers if kinds.get(name) in REACH]
    price = [name for name in headers if kinds.get(name) in PRICE]
    dealings = [name for name in headers if name in price or _says(name, _DEALINGS, _DEALINGS_ZH)]
    goods = [name for name in headers if _says(name, _GOODS, _GOODS_ZH)]
    found = []
    if who and reach and dealings:
        why = "It joins who a customer is, how to reach them, and what they buy or pay."
        found.append(ListFinding("customer_list", tuple(dict.fromkeys([*who, *reach, *dealings])), (why,)))
    if goods and price:
        why = "It joins what is sold with prices that are not public."
        found.append(ListFinding("price_list", tuple(dict.fromkeys([*goods, *price])), (why,)))
    return tuple(found)


def _says(header: str, words: frozenset[str], words_zh: Sequence[str]) -> bool:
    folded = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", fold(header)).lower()
    return bool(words & set(re.findall(r"[a-z]+", folded))) or any(word in folded for word in words_zh)
