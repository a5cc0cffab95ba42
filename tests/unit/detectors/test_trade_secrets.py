"""Lists of customers and of prices."""

import pytest

from winddown.detectors.trade_secrets import lists_in


@pytest.mark.parametrize(
    ("kinds", "others", "expected"),
    [
        ({"company": "company_name", "tel": "mobile"}, ("deal_amount",), {"customer_list"}),
        ({"客户名称": "company_name", "电话": "mobile"}, ("成交金额",), {"customer_list"}),
        ({"name": "western_name", "email": "email", "discount": "price"}, (), {"customer_list"}),
        ({"成本价": "price"}, ("商品编码", "库存"), {"price_list"}),
        ({"cost_price": "price"}, ("sku",), {"price_list"}),
        ({"name": "person_name", "tel": "mobile"}, ("joined_on",), set()),
        ({"company": "company_name"}, ("amount",), set()),
        ({}, ("sku", "unit_price"), set()),
        ({"cost": "price"}, ("month",), set()),
    ],
)
def test_lists(kinds: dict[str, str], others: tuple[str, ...], expected: set[str]) -> None:
    found = lists_in([*kinds, *others], kinds)
    assert {each.kind for each in found} == expected
    for each in found:
        assert set(each.fields) <= {*kinds, *others}
        assert each.reasons
