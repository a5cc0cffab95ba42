"""Tables from Mimesis, a generator of test data whose authors are others, in six languages.

The header of a column is the generator's own name for the value, the label follows from its documentation.
"""

import random
from collections.abc import Iterator

import mimesis
from labelled import LEARNT, Source, Table, labels
from mimesis.locales import Locale

MIMESIS = Source("Mimesis", f"PyPI mimesis {mimesis.__version__}", "MIT", LEARNT)

_MIMESIS = (
    "person.full_name={name} person.email=email person.phone_number={phone} person.username=username "
    "person.password=password person.gender=gender person.nationality=nationality person.occupation=occupation "
    "person.blood_type=blood_type person.gender_code=gender "
    "person.academic_degree=education person.birthdate=birth_date address.address={address} address.city "
    "address.country address.zip_code=postal_code address.latitude=latitude address.longitude=longitude "
    "payment.credit_card_number=bank_card payment.cvv=card_security_code "
    "payment.bitcoin_address=crypto_wallet payment.ethereum_address=crypto_wallet "
    "finance.company=company_name finance.price internet.ip_v4=ip_address internet.ip_v6=ip_address "
    "internet.mac_address=mac_address code.imei=imei code.isbn code.ean code.issn cryptographic.hash=hashed "
    "cryptographic.uuid cryptographic.token_hex=hashed|api_key text.sentence text.word text.color text.title "
    "datetime.date datetime.timestamp datetime.time food.dish food.fruit hardware.cpu hardware.phone_model "
    "internet.url internet.hostname development.version development.os file.file_name transport.car "
    "transport.airplane numeric.integer_number numeric.float_number person.first_name={given} person.last_name={family}"
)
_COUNTRIES = {
    Locale.ZH: ("person_name", "mobile|landline", "address", None),
    Locale.EN: ("western_name", "phone_abroad", "address_latin", "western_name"),
    Locale.DE: ("western_name", "phone_abroad", "address_latin", "western_name"),
    Locale.FR: ("western_name", "phone_abroad", "address_latin", "western_name"),
    Locale.ES: ("western_name", "phone_abroad", "address_latin", "western_name"),
    Locale.IT: ("western_name", "phone_abroad", "address_latin", "western_name"),
}


def from_mimesis(rows: int) -> Iterator[Table]:
    """Yield one table of customers per language."""
    random.seed(20_260_101)
    for locale, (name, phone, address, part) in _COUNTRIES.items():
        generic = mimesis.Generic(locale=locale, seed=20_260_101)
        spelt = _MIMESIS.format(name=name, phone=phone, address=address, given=part or "", family=part or "")
        wanted = labels(spelt)
        if part is None:
            wanted = {path: kinds for path, kinds in wanted.items() if path not in _PARTS}
        columns: dict[str, list[object]] = {}
        kinds_of = {}
        for path, kinds in wanted.items():
            provider, _, method = path.partition(".")
            make = getattr(getattr(generic, provider), method)
            header = method if method not in columns else f"{provider}_{method}"
            columns[header] = [_plain(make()) for _ in range(rows)]
            kinds_of[header] = kinds
        yield Table(MIMESIS, locale.value, columns, kinds_of)


_PARTS = {"person.first_name", "person.last_name"}


def _plain(value: object) -> object:
    return value if isinstance(value, int | float | str) else str(value)
