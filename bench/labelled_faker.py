"""Tables from Faker, a generator of test data whose authors are others, in the languages of ten countries.

The header of a column is the generator's own name for the value, the label follows from its documentation. Kinds that
exist in one country only are asked for in that country.
"""

from collections.abc import Iterator

import faker
from labelled import LEARNT, Source, Table, labels

FAKER = Source("Faker", f"PyPI faker {faker.VERSION}", "MIT", LEARNT)

_EVERYWHERE = (
    "name={name} phone_number={phone} address={address} company=company_name job=occupation email=email "
    "credit_card_number=bank_card credit_card_security_code=card_security_code date_of_birth=birth_date "
    "postcode=postal_code ipv4=ip_address ipv6=ip_address mac_address=mac_address user_name=username "
    "password=password latitude=latitude longitude=longitude sha256=hashed md5=hashed iban=iban "
    "city country uuid4 color_name sentence text word pyint pyfloat date_this_decade time url domain_name ean13 isbn13 "
    "file_name user_agent currency_code bs catch_phrase unix_time numerify bothify boolean random_digit year iso8601 "
    "swift hex_color locale timezone http_method mime_type"
)
_FAKER = {
    "zh_CN": ("person_name", "mobile", "address", "ssn=resident_id license_plate=vehicle_plate"),
    "zh_TW": ("person_name", "phone_abroad", "address", "ssn=taiwan_id"),
    "en_US": (
        "western_name",
        "phone_abroad",
        "address_latin",
        "ssn=us_ssn first_name=western_name last_name=western_name passport_number=passport_foreign vin=vin",
    ),
    "en_GB": ("western_name", "phone_abroad", "address_latin", "ssn=uk_nino"),
    "de_DE": ("western_name", "phone_abroad", "address_latin", "vat_id=eu_vat"),
    "fr_FR": ("western_name", "phone_abroad", "address_latin", "ssn=french_nir"),
    "es_ES": ("western_name", "phone_abroad", "address_latin", "nie=spanish_nif nif=spanish_nif"),
    "it_IT": ("western_name", "phone_abroad", "address_latin", "ssn=italian_fiscal_code"),
    "pt_BR": ("western_name", "phone_abroad", "address_latin", "cpf=brazilian_cpf"),
    "en_IN": ("western_name", "phone_abroad", "address_latin", "aadhaar_id=aadhaar"),
}


def from_faker(rows: int) -> Iterator[Table]:
    """Yield one table of customers per country."""
    for locale, (name, phone, address, own) in _FAKER.items():
        fake = faker.Faker(locale, use_weighting=True)
        fake.seed_instance(20_260_101)
        spelt = _EVERYWHERE.format(name=name, phone=phone, address=address)
        wanted = labels(f"{spelt} {own}")
        columns = {}
        for column in wanted:
            if column in {"numerify", "bothify"}:
                pattern = "%" + "#" * 17 if column == "numerify" else "??-########"
                columns[column] = [getattr(fake, column)(pattern) for _ in range(rows)]
            else:
                columns[column] = [str(getattr(fake, column)()) for _ in range(rows)]
        yield Table(FAKER, locale, columns, wanted)


def small(rows: int) -> Iterator[Table]:
    """Yield the Faker tables of China and of America, for a quick test."""
    yield from (table for table in from_faker(rows) if table.name in {"zh_CN", "en_US"})
