"""Tables from Faker for JavaScript, a generator of test data whose authors are others, in three languages.

It is a program of its own beside Faker for Python, with other authors, lists and formats. It runs under Node.js from a
folder of npm packages, into which it is installed if it is not there. The header of a column is the generator's own
name for the value, module and method, the label follows from its documentation.
"""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

from labelled import HELD_OUT, Source, Table, labels

FAKER_JS = Source("Faker.js", "npm @faker-js/faker 10.6.0", "MIT", HELD_OUT)
_PACKAGE = "@faker-js/faker@10.6.0"
_SPELT = (
    "person_fullName={name} person_firstName={part} person_lastName={part} person_sex=gender "
    "person_jobTitle=occupation person_bio person_zodiacSign phone_number={phone} phone_imei=imei "
    "location_zipCode=postal_code location_city location_state location_country location_streetAddress={address} "
    "location_latitude=latitude location_longitude=longitude location_nearbyGPSCoordinate=gps_position "
    "location_timeZone finance_accountNumber finance_amount finance_currencyCode "
    "finance_bitcoinAddress=crypto_wallet finance_ethereumAddress=crypto_wallet "
    "finance_creditCardNumber=bank_card finance_creditCardCVV=card_security_code finance_pin=password "
    "finance_iban=iban finance_bic finance_transactionDescription internet_email=email internet_username=username "
    "internet_url internet_ipv4=ip_address internet_ipv6=ip_address internet_userAgent internet_mac=mac_address "
    "internet_password=password internet_jwt=jwt internet_domainName company_name=company_name "
    "company_catchPhrase vehicle_vin=vin vehicle_vehicle vehicle_color git_commitSha=hashed git_commitMessage "
    "git_branch commerce_productName commerce_price commerce_isbn commerce_upc airline_flightNumber "
    "airline_recordLocator database_mongodbObjectId system_fileName system_semver system_cron date_past "
    "date_birthdate=birth_date date_month lorem_sentence string_uuid string_alphanumeric string_numeric food_dish "
    "music_songName color_rgb science_unit"
)
_LOCALES = {
    "fakerZH_CN": {"name": "person_name", "part": "", "phone": "mobile|landline", "address": "address"},
    "fakerEN_US": {"name": "western_name", "part": "western_name", "phone": "phone_abroad", "address": "address_latin"},
    "fakerDE": {"name": "western_name", "part": "western_name", "phone": "phone_abroad", "address": "address_latin"},
}
_PROGRAM = """
const library = require("@faker-js/faker");
const [locale, rows, headers] = JSON.parse(process.argv[1]);
const fake = library[locale];
fake.seed(20260101);
const table = {};
for (const header of headers) {
  const at = header.indexOf("_"), maker = fake[header.slice(0, at)], method = header.slice(at + 1);
  const cell = value => value instanceof Date ? value.toISOString()
    : Array.isArray(value) ? value.join(",") : value;
  const argument = method === "alphanumeric" || method === "numeric" ? 12 : undefined;
  table[header] = Array.from({length: rows}, () => cell(maker[method](argument)));
}
process.stdout.write(JSON.stringify(table));
"""


class NoNodeError(Exception):
    """Node.js or the package cannot be had."""


def from_faker_js(folder: Path, rows: int) -> Iterator[Table]:
    """Yield one table of customers per language. Parts of Chinese names have no kind and are not judged."""
    _install(folder)
    for locale, words in _LOCALES.items():
        wanted = labels(_SPELT.format(**words))
        if not words["part"]:
            wanted = {header: kinds for header, kinds in wanted.items() if header not in _PARTS}
        argument = json.dumps([locale, rows, list(wanted)])
        made = subprocess.run(
            ["node", "-e", _PROGRAM, argument], cwd=folder, capture_output=True, check=False, text=True
        )
        if made.returncode:
            raise NoNodeError(f"{FAKER_JS.name}: node failed: {made.stderr.strip().splitlines()[-1:]}")
        yield Table(FAKER_JS, locale, json.loads(made.stdout), wanted)


_PARTS = {"person_firstName", "person_lastName"}


def _install(folder: Path) -> None:
    if (folder / "node_modules/@faker-js/faker").is_dir():
        return
    folder.mkdir(parents=True, exist_ok=True)
    try:
        subprocess.run(
            ["npm", "install", "--silent", "--no-save", "--prefix", str(folder), _PACKAGE],
            check=True,
            capture_output=True,
        )
    except (OSError, subprocess.CalledProcessError) as error:
        raise NoNodeError(f"{FAKER_JS.name}: npm cannot install {_PACKAGE}") from error
