"""Chinese free text as customers type it: numbers and addresses stand between Han characters without a space."""

from random import Random

from winddown.demo.people import Person

DISTRICTS = ("浦东新区", "徐汇区", "静安区", "杨浦区", "闵行区", "宝山区", "松江区", "嘉定区", "长宁区", "普陀区")
ROADS = ("张杨路", "漕溪北路", "南京西路", "四平路", "莘松路", "友谊路", "人民北路", "博乐路", "天山路", "曹杨路")
CITIES = ("上海市", "苏州市", "杭州市", "南京市", "宁波市", "无锡市")
FOREIGN_CITIES = {"JP": "Tokyo", "DE": "Hamburg", "US": "Seattle", "HK": "Hong Kong"}
FOREIGN_ROADS = ("Harbour Road", "Station Street", "Maple Avenue", "Garden Lane")

PLAIN = (
    "商品外包装破损，申请换货。",
    "请问什么时候发货？已经等了三天。",
    "尺码不合适想退货，麻烦尽快处理。",
    "优惠券用不了，提示已过期。",
    "发票抬头开错了，请重开。",
)
TELLING = (
    "我的电话{mobile}打不通请改用邮箱{email}联系，谢谢",
    "快递一直没到，收件人{name}手机{mobile}请核实",
    "实名认证失败，身份证{document}姓名{name}，请人工处理",
    "请把会员资料发到{email}，本人{name}",
    "换绑手机：旧号{mobile}不用了，证件号{document}可以核对",
)
ANONYMOUS = (
    "没有注册也能退货吗？我的号码{mobile}，请回电。",
    "门店服务态度不好，不想留姓名。",
    "朋友代下的单，联系{mobile}即可。",
    "请问{mobile}这个号码是你们客服吗？一直打来。",
)


def ticket(rng: Random, person: Person) -> str:
    """Return a customer's ticket; two of three name the customer."""
    if rng.random() < 1 / 3:
        return rng.choice(PLAIN)
    document = person.resident_id or person.document_no or ""
    return rng.choice(TELLING).format(mobile=person.mobile, email=person.email, name=person.name, document=document)


def anonymous_ticket(rng: Random, *, mobile: str) -> str:
    """Return a ticket of somebody without an account; it may carry a number all the same."""
    return rng.choice(ANONYMOUS).format(mobile=mobile)


def chat(rng: Random, person: Person) -> str:
    """Return a line of chat."""
    return ticket(rng, person) + rng.choice(("在吗", "谢谢", "急！", "好的"))


def address(rng: Random, country: str) -> tuple[str, str, str]:
    """Return line, city and postcode of a delivery address."""
    if country != "CN":
        line = f"{rng.randrange(1, 300)} {rng.choice(FOREIGN_ROADS)}, Apt {rng.randrange(1, 60)}"
        return line, FOREIGN_CITIES[country], f"{rng.randrange(10_000, 99_999)}"
    city = rng.choices(CITIES, (12, 2, 2, 1, 1, 1))[0]
    district = rng.choice(DISTRICTS) if city == "上海市" else ""
    room = f"{rng.randrange(1, 40)}号楼{rng.randrange(101, 2705)}室"
    return f"{district}{rng.choice(ROADS)}{rng.randrange(1, 2000)}弄{room}", city, f"{rng.randrange(200_000, 216_000)}"
