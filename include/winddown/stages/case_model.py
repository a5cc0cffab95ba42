"""The form of a case file, field by field; what the fields say of each other is checked by ``case_file``."""

from datetime import date, timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from winddown.domain.approval import APPROVAL_DAYS
from winddown.domain.errors import Refused
from winddown.domain.generalise import PERSONS_MIN, Generalisation, How
from winddown.domain.hold import Ground
from winddown.domain.minimise import Form
from winddown.stages.border_model import ConfirmedCountModel, Country, ExportLogModel, FilingModel, TransferModel

Name = Annotated[str, Field(min_length=1, max_length=200)]
Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,59}$")]
Ref = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+:.+$")]

_DAY_OF_EVERY_YEAR = (
    r"^((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))$"
)

# A word of the rule packs: a category, an element, a sector. ``open_case`` refuses one that no pack knows, because it
# would silently match no duty to keep.
Word = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,59}$")]


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
    sectors: Annotated[tuple[Word, ...], Field(min_length=1)]
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
    key: Annotated[str, Field(max_length=200)] = ""
    role: Literal[
        "liquidation_group",
        "pi_officer",
        "custodian",
        "steward",
        "counsel",
        "recipient",
        "legal",
        "administrator",
        "auditor",
    ]


class _Approval(_Strict):
    days: Annotated[int, Field(ge=1, le=366)] = APPROVAL_DAYS
    roles: tuple[Literal["liquidation_group", "administrator", "pi_officer", "legal"], ...] = ()


def _spelled_out(value: object) -> object:
    # A bare number would be seconds, which nobody means.
    if not isinstance(value, str):
        raise ValueError("write a period with its unit, as P7D or PT12H")  # noqa: TRY004 - pydantic's word for invalid
    return value


class _Grace(_Strict):
    duration: Annotated[timedelta, BeforeValidator(_spelled_out)]
    reason: Name
    accepted_by: Identifier


class _Custodian(_Strict):
    person: Identifier
    organisation: Name
    contact: Name
    country: Country
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
    accessed_from: tuple[Country, ...] = ()
    delete_bucket: Annotated[str, Field(max_length=500)] = ""
    catalogue: Identifier | Literal[""] = ""
    customer_key: Identifier | Literal[""] = ""
    destroy_key: Annotated[str, Field(max_length=500)] = ""
    key_copies: Annotated[str, Field(max_length=500)] = ""


class _Event(_Strict):
    step: Annotated[str, Field(pattern=r"^([SB][0-9]|S[358]s|R[12])$")]
    event: str
    on: date
    evidence: Name


class _AcceptedDate(_Strict):
    rule: Identifier
    start_event: Word
    accepted_by: Identifier
    evidence: Name


class _Opinion(_Strict):
    rule: Identifier
    collection: Ref | None = None
    keeps: bool
    given_by: Identifier
    given_on: date
    evidence: Name


class RecipientModel(_Strict):
    """Who receives what must be handed over."""

    role: Word
    person: Identifier
    organisation: Name
    contact: Name
    country: Country | Literal[""] = ""
    public_key: Name
    agreement_on: date
    evidence: Name


class _Subjects(_Strict):
    collection: Ref
    key: Name
    born_on: Name | None  # stated in any case, so that nobody forgets the children among the customers
    country: Name | None


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


def _known_how(text: str) -> str:
    try:
        Generalisation.parse(text)
    except Refused as error:
        raise ValueError(error.message) from None
    return text


def _known_form(text: str) -> str:
    try:
        Form.parse(text)
    except Refused as error:
        raise ValueError(error.message) from None
    return text


class _Anonymisation(_Strict):
    fields: dict[str, Annotated[str, AfterValidator(_known_how)]]
    k: Annotated[int, Field(ge=PERSONS_MIN, le=100_000)]

    @field_validator("fields")
    @classmethod
    def _something_is_left(cls, fields: dict[str, str]) -> dict[str, str]:
        if all(how == How.DROP for how in fields.values()):
            raise ValueError("every field is dropped, so nothing would be left")
        return fields


class RegisterModel(_Strict):
    """A collection's entry in the register of purposes."""

    collection: Ref
    category: Word
    also: tuple[Word, ...] = ()
    about: Literal["customers", "employees", "merchants", "nobody"] = "customers"
    purpose: Name
    steward: Identifier
    subject: _Link | None = None
    dated_by: str = ""
    dates: dict[Word, Name] = {}
    custody: Literal["", "sealed", "in_place"] = ""
    elements: dict[str, Word | Annotated[tuple[Word, ...], Field(min_length=1)]] = {}
    fields: dict[str, _Answer] = {}
    backup: _Backup | None = None
    anonymise: _Anonymisation | None = None
    record_count_max: Annotated[int, Field(ge=0)] | None = None
    sentinels: tuple[Annotated[dict[Name, str], Field(min_length=1)], ...] = ()
    minimise: dict[Name, Annotated[str, AfterValidator(_known_form)]] = {}
    bypass_governance: Annotated[str, Field(max_length=500)] = ""


class HoldFields(_Strict):
    """A legal hold but for its persons; its parts ``company``, ``collections``, ``since`` and ``until`` intersect."""

    id: Identifier
    matter: Name
    ground: Ground
    authority: Annotated[str, Field(max_length=200)] = ""
    document_number: Annotated[str, Field(max_length=200)] = ""
    placed_on: date
    review_on: date
    steward: Identifier
    company: bool = False
    collections: tuple[Ref, ...] = ()
    since: date | None = None
    until: date | None = None


class HoldModel(HoldFields):
    """A legal hold with the name of the list of its persons, which narrow it too."""

    subjects: Annotated[str, Field(max_length=200)] = ""


class CaseModel(_Strict):
    """The whole file."""

    case: Identifier
    company: _Company
    profile: _Profile
    exclusions: Exclusions | None = None
    contact: Annotated[str, Field(max_length=200)] = ""
    people: Annotated[tuple[_Person, ...], Field(min_length=1)]
    approvers: Annotated[tuple[Identifier, ...], Field(min_length=2)]
    approval: _Approval = _Approval()
    grace: _Grace
    custodian: _Custodian
    stores: Annotated[tuple[_Store, ...], Field(min_length=1)]
    timeline: tuple[_Event, ...]
    accepted_dates: tuple[_AcceptedDate, ...] = ()
    opinions: tuple[_Opinion, ...] = ()
    recipients: tuple[RecipientModel, ...] = ()
    subjects: _Subjects
    declared: Annotated[tuple[RegisterModel, ...], Field(alias="register")]  # BaseModel has a `register` of its own
    holds: tuple[HoldModel, ...] = ()
    transfers: tuple[TransferModel, ...] = ()
    filings: tuple[FilingModel, ...] = ()
    export_log: tuple[ExportLogModel, ...] = ()
    confirmed_counts: tuple[ConfirmedCountModel, ...] = ()
