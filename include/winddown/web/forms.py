"""What clients may send. Unknown keys are refused; the person is never among them."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

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
