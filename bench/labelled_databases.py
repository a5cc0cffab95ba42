"""Tables of public sample databases and data sets, labelled by the meaning that their schemas and documents state.

The repositories are read with git from a folder of clones or mirrors (``owner+name``, a bare repository inside or
itself), or cloned there from GitHub without history. Nothing of them is kept in this repository.
"""

import csv
import io
import json
import re
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from labelled import HELD_OUT, LEARNT, Source, Table, from_rows, labels

CHINOOK = Source("Chinook", "github lerocha/chinook-database", "MIT", LEARNT)
NORTHWIND = Source("Northwind", "github pthom/northwind_psql", "MIT, data by Microsoft (Ms-PL)", LEARNT)
SAKILA = Source("Sakila", "github jOOQ/sakila", "BSD-2-Clause", LEARNT)
ADVENTURE_WORKS = Source("AdventureWorks", "github microsoft/sql-server-samples", "MIT", HELD_OUT)
PRESIDIO = Source("Presidio-research", "github microsoft/presidio-research", "MIT", HELD_OUT)


class UnreachableError(Exception):
    """A repository is not in the folder and cannot be cloned."""


def read(folder: Path, source: Source, path: str) -> bytes:
    """Return one file of a source's repository at its newest commit."""
    name = source.origin.removeprefix("github ")
    place = folder / name.replace("/", "+")
    git_dir = next((each for each in (place / "repo", place / ".git", place) if (each / "HEAD").is_file()), None)
    if git_dir is None:
        url = f"https://github.com/{name}"
        made = subprocess.run(
            ["git", "clone", "--quiet", "--bare", "--depth", "1", url, str(place)], capture_output=True, check=False
        )
        if made.returncode:
            raise UnreachableError(f"{source.name}: {url} cannot be cloned")
        git_dir = place
    shown = subprocess.run(["git", f"--git-dir={git_dir}", "show", f"HEAD:{path}"], capture_output=True, check=False)
    if shown.returncode:
        raise UnreachableError(f"{source.name}: the repository has no readable {path}")
    return shown.stdout


_CHINOOK = {
    "Customer": "FirstName=western_name LastName=western_name Company=company_name Address=address_latin City State "
    "Country PostalCode=postal_code Phone=phone_abroad Fax=phone_abroad Email=email CustomerId SupportRepId",
    "Invoice": "InvoiceId CustomerId InvoiceDate BillingAddress=address_latin BillingCity BillingState BillingCountry "
    "BillingPostalCode=postal_code Total",
    "Track": "TrackId Name AlbumId MediaTypeId GenreId Milliseconds Bytes UnitPrice",
    "Album": "AlbumId Title ArtistId",
    "Genre": "GenreId Name",
    "InvoiceLine": "InvoiceLineId InvoiceId TrackId UnitPrice Quantity",
}


def from_chinook(folder: Path) -> Iterator[Table]:
    """Yield the tables of a music shop."""
    content = json.loads(read(folder, CHINOOK, "ChinookDatabase/DataSources/ChinookData.json"))
    for name, spelt in _CHINOOK.items():
        order = list(labels(spelt))
        yield from from_rows(CHINOOK, name, [[row.get(column) for column in order] for row in content[name]], spelt)


_ADDRESS = "address=address_latin city region postal_code=postal_code country"
_NORTHWIND = {
    "customers": "customer_id company_name=company_name contact_name=western_name contact_title=occupation "
    f"{_ADDRESS} phone=phone_abroad fax=phone_abroad",
    "suppliers": "supplier_id company_name=company_name contact_name=western_name contact_title=occupation "
    f"{_ADDRESS} phone=phone_abroad fax=phone_abroad homepage",
    "orders": "order_id customer_id employee_id order_date required_date shipped_date ship_via freight "
    "ship_name=company_name ship_address=address_latin ship_city ship_region ship_postal_code=postal_code ship_country",
    "products": "product_id product_name supplier_id category_id quantity_per_unit unit_price units_in_stock "
    "units_on_order reorder_level discontinued",
    "order_details": "order_id product_id unit_price quantity discount=price",
    "territories": "territory_id territory_description region_id",
}
_INSERT = re.compile(r"^INSERT INTO (\w+) VALUES \((.*)\);$", re.MULTILINE)
_VALUE = re.compile(r"\s*(?:'((?:[^']|'')*)'|([^,]*))\s*(?:,|$)")


def from_northwind(folder: Path) -> Iterator[Table]:
    """Yield the tables of a food trader."""
    rows: dict[str, list[list[object]]] = defaultdict(list)
    for table, body in _INSERT.findall(read(folder, NORTHWIND, "northwind.sql").decode()):
        values = [quoted.replace("''", "'") or plain for quoted, plain in _VALUE.findall(body)]
        rows[table].append([_typed(value) for value in values])
    for name, spelt in _NORTHWIND.items():
        yield from from_rows(NORTHWIND, name, rows[name], spelt)


def _typed(value: str) -> object:
    return None if value in {"NULL", "\\N", ""} else value


_SAKILA = {
    "customer": "customer_id store_id first_name=western_name last_name=western_name email=email address_id activebool "
    "create_date last_update active",
    "address": "address_id address=address_latin address2 district city_id postal_code=postal_code "
    "phone=phone_abroad|mobile last_update",
    "actor": "actor_id first_name=western_name last_name=western_name last_update",
    "city": "city_id city country_id last_update",
    "country": "country_id country last_update",
    "film": "film_id title description release_year language_id original_language_id rental_duration rental_rate "
    "length replacement_cost rating last_update special_features fulltext",
    "payment": "payment_id customer_id staff_id rental_id amount payment_date",
    "rental": "rental_id rental_date inventory_id customer_id return_date staff_id last_update",
}
_COPY = re.compile(r"^COPY public\.(\w+) \([^)]*\) FROM stdin;\n(.*?)^\\\.$", re.MULTILINE | re.DOTALL)


def from_sakila(folder: Path) -> Iterator[Table]:
    """Yield the tables of a film rental shop."""
    text = read(folder, SAKILA, "postgres-sakila-db/postgres-sakila-insert-data-using-copy.sql").decode()
    found = dict(_COPY.findall(text))
    for name, spelt in _SAKILA.items():
        rows = [[_typed(value) for value in line.split("\t")] for line in found.get(name, "").splitlines()]
        yield from from_rows(SAKILA, name, rows[:5000], spelt)


_OLTP, _WAREHOUSE = "oltp-install-script", "data-warehouse-install-script"
_STAMPS = "rowguid ModifiedDate"
_ADVENTURE = {
    (_OLTP, "Employee"): "BusinessEntityID NationalIDNumber=us_ssn|social_insurance|resident_id LoginID=username "
    "OrganizationNode OrganizationLevel JobTitle=occupation BirthDate=birth_date MaritalStatus=marital_status "
    f"Gender=gender HireDate SalariedFlag VacationHours SickLeaveHours CurrentFlag {_STAMPS}",
    (_OLTP, "EmailAddress"): f"BusinessEntityID EmailAddressID EmailAddress=email {_STAMPS}",
    (_OLTP, "PersonPhone"): "BusinessEntityID PhoneNumber=phone_abroad PhoneNumberTypeID ModifiedDate",
    (_OLTP, "Address"): "AddressID AddressLine1=address_latin AddressLine2=address_latin City StateProvinceID "
    f"PostalCode=postal_code SpatialLocation {_STAMPS}",
    (_OLTP, "CreditCard"): "CreditCardID CardType CardNumber=bank_card ExpMonth ExpYear ModifiedDate",
    (_OLTP, "Password"): f"BusinessEntityID PasswordHash=password_hash|password PasswordSalt=password {_STAMPS}",
    (_OLTP, "Vendor"): "BusinessEntityID AccountNumber Name=company_name CreditRating PreferredVendorStatus ActiveFlag "
    "PurchasingWebServiceURL ModifiedDate",
    (_OLTP, "EmployeePayHistory"): "BusinessEntityID RateChangeDate Rate=salary PayFrequency ModifiedDate",
    (_OLTP, "CountryRegion"): "CountryRegionCode Name ModifiedDate",
    (_OLTP, "Product"): "ProductID Name ProductNumber MakeFlag FinishedGoodsFlag Color SafetyStockLevel ReorderPoint "
    "StandardCost=price ListPrice Size SizeUnitMeasureCode WeightUnitMeasureCode Weight DaysToManufacture ProductLine "
    f"Class Style ProductSubcategoryID ProductModelID SellStartDate SellEndDate DiscontinuedDate {_STAMPS}",
    (_WAREHOUSE, "ProspectiveBuyer"): "ProspectiveBuyerKey ProspectAlternateKey FirstName=western_name MiddleName "
    "LastName=western_name BirthDate=birth_date MaritalStatus=marital_status Gender=gender EmailAddress=email "
    "YearlyIncome=salary TotalChildren NumberChildrenAtHome Education=education Occupation=occupation HouseOwnerFlag "
    "NumberCarsOwned AddressLine1=address_latin AddressLine2=address_latin City StateProvinceCode "
    "PostalCode=postal_code Phone=phone_abroad Salutation Unknown",
    (_WAREHOUSE, "DimReseller"): "ResellerKey GeographyKey ResellerAlternateKey Phone=phone_abroad BusinessType "
    "ResellerName=company_name NumberEmployees OrderFrequency OrderMonth FirstOrderYear LastOrderYear ProductLine "
    "AddressLine1=address_latin AddressLine2=address_latin AnnualSales BankName=company_name MinPaymentType "
    "MinPaymentAmount AnnualRevenue YearOpened",
}


def from_adventure_works(folder: Path) -> Iterator[Table]:
    """Yield the tables of a bicycle maker. Files of more than 4 MB may be missing from a mirror and are left out."""
    for (script, name), spelt in _ADVENTURE.items():
        raw = read(folder, ADVENTURE_WORKS, f"samples/databases/adventure-works/{script}/{name}.csv")
        text = raw.decode("utf-16" if raw[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig", errors="replace")
        if "+|" in text[:2000]:
            rows = [line.split("+|") for line in re.split(r"&\|\s*", text) if line.strip()]
        else:
            mark = "\t" if "\t" in text[:500] else "|"
            rows = list(csv.reader(io.StringIO(text), delimiter=mark, quoting=csv.QUOTE_NONE))
        width = len(labels(spelt))
        kept = [[_typed(value.strip()) for value in row] for row in rows if len(row) == width]
        yield from from_rows(ADVENTURE_WORKS, name, kept[:5000], spelt)


_ENTITIES = {
    "PERSON": "western_name",
    "STREET_ADDRESS": "address_latin",
    "ORGANIZATION": "company_name",
    "CREDIT_CARD": "bank_card",
    "PHONE_NUMBER": "phone_abroad",
    "AGE": "age",
    "NRP": "nationality",
    "EMAIL_ADDRESS": "email",
    "ZIP_CODE": "postal_code",
    "IBAN_CODE": "iban",
    "US_SSN": "us_ssn",
    "IP_ADDRESS": "ip_address",
    "GPE": "",
    "DATE_TIME": "",
    "TITLE": "",
    "DOMAIN_NAME": "",
}


def from_presidio(folder: Path) -> Iterator[Table]:
    """Yield one table per entity type, of a single column with the values of the spans."""
    values: dict[str, list[object]] = defaultdict(list)
    for sample in json.loads(read(folder, PRESIDIO, "data/synth_dataset_v2.json")):
        for span in sample["spans"]:
            values[span["entity_type"]].append(span["entity_value"])
    for entity, kind in _ENTITIES.items():
        yield Table(
            PRESIDIO, entity.lower(), {entity: values[entity]}, {entity: frozenset({kind}) if kind else frozenset()}
        )


SOURCES = {
    CHINOOK: from_chinook,
    NORTHWIND: from_northwind,
    SAKILA: from_sakila,
    ADVENTURE_WORKS: from_adventure_works,
    PRESIDIO: from_presidio,
}
