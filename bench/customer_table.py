"""A table such as the database of a Chinese company holds: 44 columns of customers, orders, logs and free text.

Seven columns are free text of 20 to 400 bytes, in which numbers, names and addresses occur as people write them: mostly
not at all, sometimes in one cell of fifty or a thousand. The others are what stands beside them: numbers with check
digits, look-alikes of those (order numbers, snowflakes, serials), words from short lists, amounts, times, tokens, JSON.
A tenth of some columns is null. Drawn from a seed and the number of the batch, so that a stream of any length can be
made without holding it. Check digits are computed here, not with the product's code.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

BATCH = 50_000
Rows = npt.NDArray[np.int64]
SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林罗高郑梁谢宋唐许韩邓冯曹彭曾肖田董潘袁蔡蒋余"
    "于杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛"
)
GIVEN = (
    "伟芳娜秀英敏静丽强磊军洋勇艳杰娟涛明超兰霞平刚桂文辉玲建国红梅志华春晓东海鹏飞子"
    "轩雨涵欣怡浩宇梓嘉俊思佳一诺若曦天博"
)
PINYIN = [
    "wang",
    "li",
    "zhang",
    "liu",
    "chen",
    "yang",
    "huang",
    "zhao",
    "wu",
    "zhou",
    "xu",
    "sun",
    "ma",
    "zhu",
    "hu",
    "guo",
    "he",
    "lin",
    "luo",
    "gao",
    "zheng",
    "liang",
]
CITIES = [
    "浙江省杭州市西湖区",
    "上海市浦东新区",
    "四川省成都市武侯区",
    "湖北省武汉市洪山区",
    "广东省深圳市南山区",
    "北京市朝阳区",
    "江苏省南京市鼓楼区",
    "山东省青岛市市南区",
]
STREETS = [
    "文三路",
    "建国路",
    "人民南路",
    "珞喻路",
    "科技园南路",
    "中山东路",
    "香港中路",
    "学院路",
    "解放大道",
    "长江路",
    "延安西路",
    "滨江大道",
]
TOPICS = [
    "客户来电询问发货时间",
    "系统自动升级",
    "尾款未付",
    "加急处理",
    "上次投诉已解决",
    "希望改为下午配送",
    "建议续签合同",
    "产品包装有破损",
    "发票抬头需要更改",
    "对账单已寄出",
    "会员等级调整",
    "积分兑换失败",
    "退货申请已提交",
    "物流显示已签收但本人未收到",
    "安装师傅未按约定时间上门",
    "价格与页面不一致",
    "客服态度良好",
    "售后承诺三个工作日内答复",
    "需要补开增值税专用发票",
    "账户余额异常",
    "优惠券无法使用",
    "订单被重复扣款",
    "仓库缺货等待调拨",
    "合同条款需法务审核",
]
REPLIES = [
    "已回复",
    "转技术部跟进",
    "待财务确认",
    "请尽快联系",
    "无需处理",
    "已登记",
    "明天上午再打",
    "周三前送到",
    "已补发",
    "按流程上报",
    "客户表示满意",
    "未接通",
    "已短信通知",
    "等待主管审批",
    "预计下周一完成",
]
MARKS = [
    "，",
    "。",
    "；",
    "！",
    "，另外",
    "。后续：",
    "（备注）",
    "“加急”",
    "、",
    " ",
]
REVIEWS = [
    "质量很好",
    "物流很快",
    "包装精美",
    "有点小贵但是值得",
    "颜色和图片有色差",
    "尺码偏小建议买大一号",
    "第二次购买了",
    "老人很喜欢",
    "味道一般",
    "客服回复慢",
    "性价比高",
    "用了一周没有问题",
    "会推荐给朋友",
    "屏幕有划痕",
    "送货上门服务周到",
    "电池续航不错",
    "👍",
    "五星好评",
    "very",
    "good",
    "quality",
    "fast",
    "delivery",
]
CLAUSES = [
    "甲方应于本合同生效之日起十个工作日内向乙方支付预付款",
    "乙方逾期交货的每逾期一日应按合同总额的万分之五支付违约金",
    "双方因履行本合同发生争议的应友好协商解决",
    "本合同一式两份双方各执一份具有同等法律效力",
    "未经对方书面同意任何一方不得转让本合同项下的权利义务",
    "验收标准以双方签字确认的技术协议为准",
    "保密义务在本合同终止后三年内继续有效",
    "不可抗力事件发生后应及时通知对方并提供证明",
]
AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_2 like Mac OS X) AppleWebKit/605.1.15 MicroMessenger/",
    "Mozilla/5.0 (Linux; Android 14; V2309A) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/",
)
IMPLANTS = {"remark": (1000, "resident_id"), "complaint": (50, "mobile"), "delivery_note": (3, "mobile")}
"""Free text in which every so-many-th row holds a value: the engine's counts are checked against it."""


def _digits(rng: np.random.Generator, rows: int, width: int) -> npt.NDArray[np.uint8]:
    return rng.integers(48, 58, (rows, width), np.uint8)


def _strings(block: npt.NDArray[np.uint8]) -> "pa.Array[Any]":
    rows, width = block.shape
    offsets = np.arange(0, rows * width + 1, width, dtype=np.int32)
    return pa.Array.from_buffers(
        pa.string(), rows, [None, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(block))]
    )


def _text(numbers: Rows, width: int = 0) -> "pa.Array[Any]":
    text = pa.array(numbers).cast(pa.string())
    return pc.utf8_lpad(text, width, "0") if width else text


def _join(*parts: "pa.Array[Any] | str") -> "pa.Array[Any]":
    return pc.binary_join_element_wise(*(pa.scalar(part) if isinstance(part, str) else part for part in parts), "")


class _Batch:
    """One batch of the table. Each method returns one column."""

    def __init__(self, number: int, rows: int) -> None:
        self.rng, self.rows, self.number = np.random.default_rng((20260101, number)), rows, number

    def ints(self, low: int, high: int) -> Rows:
        return self.rng.integers(low, high, self.rows)

    def pick(self, words: "list[str] | tuple[str, ...] | str") -> "pa.Array[Any]":
        return pa.array(list(words)).take(pa.array(self.ints(0, len(words))))

    def sometimes(self, share: float, column: "pa.Array[Any]") -> "pa.Array[Any]":
        """Return the column with empty text where it does not apply."""
        return pc.if_else(pa.array(self.rng.random(self.rows) < share), column, "")

    def some_null(self, column: "pa.Array[Any]") -> "pa.Array[Any]":
        return pc.if_else(pa.array(self.rng.random(self.rows) < 0.1), None, column)  # noqa: PLR2004

    def every(self, nth: int, before: str, column: "pa.Array[Any]") -> "pa.Array[Any]":
        mask = np.arange(self.rows) % nth == 0
        return pc.if_else(pa.array(mask), _join(before, column), "")

    def name(self) -> "pa.Array[Any]":
        return _join(self.pick(SURNAMES), self.pick(GIVEN), self.sometimes(0.7, self.pick(GIVEN)))

    def mobile(self) -> "pa.Array[Any]":
        return _join("1", self.pick(["38", "39", "58", "86", "99", "77", "51"]), _text(self.ints(0, 10**8), 8))

    def resident_id(self) -> "pa.Array[Any]":
        regions = np.array([list(code.encode()) for code in ("110105", "330106", "440305", "510107")], np.uint8)
        day = np.datetime64("1950-01-01") + self.ints(0, 20_000)
        birth = np.array([list(str(each).replace("-", "").encode()) for each in day], np.uint8)
        body = np.hstack([regions[self.ints(0, 4)], birth, _digits(self.rng, self.rows, 3)])
        weights = np.array([7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2])
        check = np.frombuffer(b"10X98765432", np.uint8)[(body.astype(np.int64) - 48) @ weights % 11]
        return _strings(np.hstack([body, check[:, None]]))

    def card(self) -> "pa.Array[Any]":
        body = _digits(self.rng, self.rows, 18)
        body[:, :6] = np.frombuffer(b"622202", np.uint8)
        values = body[:, ::-1].astype(np.int64) - 48
        values[:, 0::2] *= 2
        total = np.where(values > 9, values - 9, values).sum(axis=1)  # noqa: PLR2004 - Luhn
        return _strings(np.hstack([body, (48 + -total % 10).astype(np.uint8)[:, None]]))

    def uscc(self) -> "pa.Array[Any]":
        alphabet = np.frombuffer(b"0123456789ABCDEFGHJKLMNPQRTUWXY", np.uint8)
        values = np.hstack(
            [np.tile([9, 1, 3, 3, 0, 1, 0, 6], (self.rows, 1)), self.rng.integers(0, 10, (self.rows, 8))]
        )
        inner = -(values[:, 8:] @ np.array([3, 7, 9, 10, 5, 8, 4, 2])) % 11
        values = np.hstack([values, np.where(inner == 10, 29, inner)[:, None]])  # noqa: PLR2004 - X stands for ten
        weights = np.array([1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28])
        return _strings(alphabet[np.hstack([values, (-(values @ weights) % 31)[:, None]])])

    def address(self) -> "pa.Array[Any]":
        building = _join(_text(self.ints(1, 30)), "幢", _text(self.ints(101, 2800)), "室")
        return _join(
            self.pick(CITIES), self.pick(STREETS), _text(self.ints(1, 999)), "号", self.sometimes(0.6, building)
        )

    def hexadecimal(self, width: int) -> "pa.Array[Any]":
        return _strings(np.frombuffer(b"0123456789abcdef", np.uint8)[self.rng.integers(0, 16, (self.rows, width))])

    def moment(self) -> npt.NDArray[Any]:
        return np.datetime64("2022-01-01", "s") + self.ints(0, 10**8)

    def sentences(self, most: int, words: list[str]) -> "pa.Array[Any]":
        parts = [self.pick(words), self.pick(MARKS), self.pick(REPLIES)]
        for place in range(1, most):
            more = _join(self.pick(MARKS), self.pick(words), self.sometimes(0.3, _text(self.ints(1, 5000))))
            parts.append(self.sometimes(1 - place / (most + 1), more))
        return _join(*parts, "。")

    def remark(self) -> "pa.Array[Any]":
        every, _ = IMPLANTS["remark"]
        return _join(self.sentences(2, TOPICS), self.every(every, "身份证", self.resident_id()))

    def service_note(self) -> "pa.Array[Any]":
        price = _join("，金额", _text(self.ints(1, 9999)), ".", _text(self.ints(0, 100), 2), "元")
        order = _join("（单号A-", _text(self.ints(1000, 99999)), "）")
        return _join(self.sentences(3, TOPICS), self.sometimes(0.5, price), self.sometimes(0.3, order))

    def chat(self) -> "pa.Array[Any]":
        said = self.pick(
            ["亲，在吗？", "好的👌", "请问什么时候发货呀", "OK thanks, ", "收到[微笑]", "麻烦帮我看一下订单", "😂😂"]
        )
        pay = _join("已转账", _text(self.ints(1, 3000)), "元")
        return _join(said, self.sentences(2, TOPICS), self.sometimes(0.2, pay), self.sometimes(0.4, said))

    def complaint(self) -> "pa.Array[Any]":
        every, _ = IMPLANTS["complaint"]
        when = pc.strftime(pa.array(self.moment()), "%Y年%m月%d日")
        return _join("本人于", when, "反映：", self.sentences(5, TOPICS), self.every(every, "电话", self.mobile()))

    def review(self) -> "pa.Array[Any]":
        return _join(
            self.sentences(4, REVIEWS), self.sometimes(0.2, self.pick(["10/10", "5 stars!", "version 2.3.1", "~~"]))
        )

    def delivery_note(self) -> "pa.Array[Any]":
        every, _ = IMPLANTS["delivery_note"]
        to = _join("收件人：", self.name(), "，地址", self.address())
        return _join(
            self.pick(REPLIES), "，", self.sometimes(0.3, to), self.every(every, "，电话", self.mobile()), "。"
        )

    def clause(self) -> "pa.Array[Any]":
        first = _join("第", _text(self.ints(1, 60)), "条　")
        return _join(first, self.sentences(4, CLAUSES), "合同编号HT-2023-", _text(self.ints(1, 99999), 5))

    def payload(self) -> "pa.Array[Any]":
        step = _join('{"step":', _text(self.ints(1, 10)), ',"ref":"', self.hexadecimal(10), '","ok":true,"channel":"')
        return _join(step, self.pick(["app", "mini_program", "h5"]), '","cost_ms":', _text(self.ints(1, 5000)), "}")

    def columns(self) -> "dict[str, pa.Array[Any]]":
        """Return the 44 columns."""
        first = self.number * BATCH
        moment = self.moment()
        dashes = [self.hexadecimal(8), "-", self.hexadecimal(4), "-4", self.hexadecimal(3), "-a", self.hexadecimal(3)]
        company = _join(self.pick(["杭州", "上海", "成都", "深圳"]), self.pick(GIVEN), self.pick(GIVEN))
        return {
            "customer_id": pa.array(np.arange(first, first + self.rows)),
            "customer_name": self.name(),
            "name_latin": _join(self.pick(PINYIN), " ", self.pick(PINYIN), self.pick(PINYIN)),
            "gender": self.pick("男女"),
            "birthday": pc.strftime(
                pa.array(np.datetime64("1950-01-01", "s") + self.ints(0, 1_600_000_000)), "%Y-%m-%d"
            ),
            "mobile": self.mobile(),
            "phone_number": self.some_null(self.mobile().cast(pa.int64())),
            "landline": self.some_null(_join("0571-8", _text(self.ints(0, 10**7), 7))),
            "id_card": self.resident_id(),
            "passport": self.some_null(_join("E", _text(self.ints(0, 10**8), 8))),
            "email": _join(
                self.pick(PINYIN), _text(self.ints(1, 99999)), self.pick(["@qq.com", "@163.com", "@example.com"])
            ),
            "wechat": self.some_null(_join("wxid_", self.hexadecimal(14))),
            "qq": _text(self.ints(10**5, 10**10)),
            "address": self.address(),
            "city": self.pick(CITIES),
            "postcode": _text(self.ints(100000, 860000), 6),
            "bank_card": self.card(),
            "company": _join(company, self.pick(["科技有限公司", "贸易有限公司", "餐饮管理有限公司"])),
            "uscc": self.some_null(self.uscc()),
            "plate": self.some_null(_join(self.pick("浙沪川鄂粤"), self.pick("ABCDE"), _text(self.ints(0, 10**5), 5))),
            "order_no": _join(pc.strftime(pa.array(moment), "%Y%m%d%H%M%S"), _text(self.ints(0, 10**4), 4)),
            "snowflake": pa.array(self.ints(10**17, 10**18)),
            "serial": _join(
                "SN", _text(self.ints(2019, 2026)), "-", _text(self.ints(0, 10**6), 6), "-", self.pick("ABC")
            ),
            "sku": _join("SKU-", _text(self.ints(0, 10**4), 4), "-", self.pick("ABC")),
            "status": self.pick(["paid", "open", "closed", "refunded"]),
            "amount": pa.array(self.rng.random(self.rows) * 1000),
            "amount_text": _join(_text(self.ints(0, 10**4)), ".", _text(self.ints(0, 100), 2)),
            "discount": pa.array(self.ints(0, 10**6)).cast(pa.decimal128(21, 2)),
            "quantity": pa.array(self.ints(1, 99).astype(np.int32)),
            "created_at": pc.strftime(pa.array(moment), "%Y-%m-%d %H:%M:%S"),
            "updated_at": pa.array(moment),
            "ip": _join(
                *(part for _ in range(3) for part in (_text(self.ints(1, 255)), ".")), _text(self.ints(1, 255))
            ),
            "user_agent": _join(
                self.pick(AGENTS), _text(self.ints(80, 130)), ".0.", _text(self.ints(1000, 7000)), ".1"
            ),
            "token": self.hexadecimal(32),
            "session": _join(*dashes, "-", self.hexadecimal(12)),
            "payload": self.payload(),
            "masked_mobile": _join("138****", _text(self.ints(0, 10**4), 4)),
            "remark": self.some_null(self.remark()),
            "service_note": self.service_note(),
            "chat": self.chat(),
            "complaint": self.complaint(),
            "review": self.review(),
            "delivery_note": self.delivery_note(),
            "contract_clause": self.clause(),
        }


def batch(number: int, rows: int = BATCH) -> pa.RecordBatch:
    """Return one batch."""
    return pa.record_batch(_Batch(number, rows).columns())


def batches(rows: int) -> Iterator[pa.RecordBatch]:
    """Yield ``rows`` rows in batches, the same for every run."""
    for number, start in enumerate(range(0, rows, BATCH)):
        yield batch(number, min(BATCH, rows - start))
