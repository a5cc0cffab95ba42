"""The form of what a case file declares about data abroad, field by field; ``border_file`` compares the fields."""

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from winddown.domain.border import Means

_Name = Annotated[str, Field(min_length=1, max_length=200)]
_Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,59}$")]
_Persons = Annotated[int, Field(ge=0, strict=True)]
Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]

# Closed lists: an unknown word would silently mean that no separate consent is owed, or that nothing is declared.
LegalBasis = Literal[
    "consent", "contract", "hr_management", "statutory_duty", "emergency", "public_interest_news", "already_public"
]
Circumstance = Literal[
    "employees_only",
    "labour_rules",
    "collective_contract",
    "free_trade_zone",
    "outside_negative_list",
    "foreign_authority",
]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Met(_Strict):
    rule: _Identifier
    on: date
    evidence: _Name


class _Confirmation(_Strict):
    on: date
    evidence: _Name


class TransferModel(_Strict):
    """Data that were, are or will be provided across the border."""

    id: _Identifier
    recipient: _Name
    country: Country
    purpose: _Name
    legal_basis: LegalBasis
    collection: Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+:.+$")]
    where: Literal["overseas", "all"]
    sensitive: bool
    evidence: _Name
    means: Means = Means.PROVIDED
    origin: Literal["domestic", "abroad"] = "domestic"
    circumstances: tuple[Circumstance, ...] = ()
    started_on: date | None = None
    ended_on: date | None = None
    met: tuple[_Met, ...] = ()
    deletion_confirmed: _Confirmation | None = None


class FilingModel(_Strict):
    """An assessment's result, a certificate or a standard contract."""

    id: _Identifier
    kind: Literal["assessment", "certificate", "standard_contract"]
    issued_on: date
    valid_until: date
    covers: Annotated[tuple[_Identifier, ...], Field(min_length=1)]
    evidence: _Name


class ExportLogModel(_Strict):
    """What was provided under a transfer and can no longer be counted."""

    transfer: _Identifier
    started_on: date
    ended_on: date
    persons: _Persons
    sensitive: bool
    evidence: _Name


class ConfirmedCountModel(_Strict):
    """The officer's word on a year's numbers."""

    year: Annotated[int, Field(ge=2000, le=9998, strict=True)]
    sensitive_at_most: _Persons
    other_at_most: _Persons
    confirmed_by: _Identifier
    evidence: _Name
