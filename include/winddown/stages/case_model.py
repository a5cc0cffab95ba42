"""The form of a case file, field by field; what the fields say of each other is checked by ``case_file``."""

from datetime import date, timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(min_length=1, max_length=200)]
Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,59}$")]
Ref = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+:.+$")]

_DAY_OF_EVERY_YEAR = (
    r"^((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))$"
)

# Closed lists: an unknown word would silently mean "customers' data, to be erased".
Category = Literal[
    "customer_profile",
    "customer_contact",
    "customer_service",
    "analytics_copy",
    "identity_scan",
    "accounting_vouchers",
    "company_own",
    "backup",
]
Element = Literal["voucher_number", "voucher_date", "amount", "tax", "payment_method"]
# Sectors whose rules the pack knows; in others deletion may be the breach.
Sector = Literal["retail", "wholesale", "e_commerce", "services"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Company(_Strict):
    name_zh: Name
    name_en: Name
    uscc: str


class _Profile(_Strict):
    route: Literal["general", "simplified", "bankruptcy", "forced"]
    legal_form: Literal["company", "partnership", "sole_proprietorship", "individual_business"]
    persons: Annotated[int, Field(ge=0)]
    faces: Annotated[int, Field(ge=0)]
    processes_minors: bool
    algorithm_filed: bool
    sectors: tuple[Sector, ...]
    critical_infrastructure: bool
    important_data: bool
    fiscal_year_end: Annotated[str, Field(pattern=_DAY_OF_EVERY_YEAR)]


class Exclusions(_Strict):
    """Facts that close the simplified route; each is declared, because one that is not known closes it too."""

    debts_unpaid: bool
    customer_balances_unspent: bool
    undertaking_missing: bool
    approval_required: bool
    on_abnormal_list: bool
    equity_encumbered: bool
    invests_in_others: bool
    under_investigation: bool
    in_litigation: bool
    licence_revoked: bool
    penalty_unpaid: bool
    is_listed: bool


class _Person(_Strict):
    id: Identifier
    name: Name
    role: Literal["liquidation_group", "pi_officer", "custodian", "steward", "administrator"]


class _Grace(_Strict):
    duration: timedelta
    reason: Name
    accepted_by: Identifier


class _Custodian(_Strict):
    person: Identifier
    organisation: Name
    contact: Name
    public_key: Name
    agreement_on: date
    evidence: Name


class _Store(_Strict):
    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
    kind: Literal["postgresql", "mysql", "sqlite", "duckdb", "sql", "s3", "files"]
    connection: Identifier
    region: Name
    bucket: str = ""
    inventory: Annotated[str, Field(pattern=r"^(s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/[^/].*)?$")] = ""


class _Event(_Strict):
    step: Annotated[str, Field(pattern=r"^([SB][0-9]|S[358]s|R[12])$")]
    event: str
    on: date
    evidence: Name


class _AcceptedDate(_Strict):
    rule: Identifier
    start_event: Literal["day_after_fiscal_year_end"]
    accepted_by: Identifier
    evidence: Name


class _Subjects(_Strict):
    collection: Ref
    key: Name
    born_on: Name
    country: Name


class _Link(_Strict):
    field: str = ""
    via: Ref | None = None
    target: str = ""
    pattern: str = ""


class _Answer(_Strict):
    kind: str
    because: Name


class _Backup(_Strict):
    of: Name
    taken_on: date
    expires_on: date


class RegisterModel(_Strict):
    """A collection's entry in the register of purposes."""

    collection: Ref
    category: Category
    purpose: Name
    steward: Identifier
    subject: _Link | None = None
    dated_by: str = ""
    custody: Literal["", "sealed", "in_place"] = ""
    elements: dict[str, Element] = {}
    fields: dict[str, _Answer] = {}
    backup: _Backup | None = None


class HoldModel(_Strict):
    """A legal hold."""

    id: Identifier
    matter: Name
    ground: Name
    placed_on: date
    review_on: date
    steward: Identifier
    subjects: Name


class _Transfer(_Strict):
    id: Identifier
    recipient: Name
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
    purpose: Name
    legal_basis: Name
    collection: Ref
    where: Literal["overseas", "all"]
    sensitive: bool
    evidence: Name


class CaseModel(_Strict):
    """The whole file."""

    case: Identifier
    company: _Company
    profile: _Profile
    exclusions: Exclusions | None = None
    contact: Annotated[str, Field(max_length=200)] = ""
    people: Annotated[tuple[_Person, ...], Field(min_length=1)]
    approvers: Annotated[tuple[Identifier, ...], Field(min_length=2)]
    grace: _Grace
    custodian: _Custodian
    stores: Annotated[tuple[_Store, ...], Field(min_length=1)]
    timeline: tuple[_Event, ...]
    accepted_dates: tuple[_AcceptedDate, ...] = ()
    subjects: _Subjects
    declared: Annotated[tuple[RegisterModel, ...], Field(alias="register")]  # BaseModel has a `register` of its own
    holds: tuple[HoldModel, ...] = ()
    transfers: tuple[_Transfer, ...] = ()
