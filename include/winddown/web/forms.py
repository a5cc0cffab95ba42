"""What clients may send. Unknown keys are refused; the person is never among them."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from winddown.stages.case_model import HoldFields

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class ApprovalForm(BaseModel):
    """A yes to exactly one plan."""

    model_config = ConfigDict(extra="forbid")

    plan_digest: Digest


class SignatureForm(BaseModel):
    """A yes that was signed elsewhere: a signed note. A browser's form ends lines in its own way, which is undone."""

    model_config = ConfigDict(extra="forbid")

    note: Annotated[
        str, Field(min_length=1, max_length=10_000), AfterValidator(lambda note: note.replace("\r\n", "\n"))
    ]  # fmt: skip


class HaltForm(BaseModel):
    """Why a case halts, or goes on."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, Field(min_length=1, max_length=500, pattern=r"\S")]


class ReceiptForm(BaseModel):
    """A custodian's receipt for one archive, with what was computed after opening it."""

    model_config = ConfigDict(extra="forbid")

    order_id: Annotated[str, Field(min_length=1, max_length=200)]
    archive_sha256: Digest
    content_sha256: Digest


class HoldForm(HoldFields):
    """A legal hold, its persons by their keys; these are encrypted at once and shown nowhere."""

    subjects: tuple[Annotated[str, Field(min_length=1, max_length=200)], ...] = ()


class ReleaseForm(BaseModel):
    """Why a hold is released, and the digest of the paper that lets go, where there is one."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, Field(min_length=1, max_length=1000, pattern=r"\S")]
    evidence_sha256: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = ""
