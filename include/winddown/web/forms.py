"""What clients may send. Unknown keys are refused; the person is never among them."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from winddown.stages.case_model import HoldFields

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class ApprovalForm(BaseModel):
    """A yes to exactly one plan."""

    model_config = ConfigDict(extra="forbid")

    plan_digest: Digest


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
