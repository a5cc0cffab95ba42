r"""The text that an approver signs: which plan, who, when, and what a yes means, in lines that a person can read.

A verifier writes the text anew from the plan and compares: a text that tells another story of the plan is not signed
for it. Counts and ids only. The first line keeps signatures of other texts from passing for an approval.
"""

import re
from dataclasses import dataclass
from typing import Final

from winddown.domain.approval import Approver
from winddown.domain.errors import Refused
from winddown.domain.plan import Act, Plan

HEAD: Final = "winddown approval v1"
NAMES: Final = ("case", "plan", "digest", "person", "role", "signed_at", "days")
_TOLD: Final = (
    (Act.ERASE, "destroy"),
    (Act.MINIMISE, "empty fields of"),
    (Act.SEAL, "hand over"),
    (Act.ANONYMISE, "make anonymous"),
)
_YES: Final = "本人已阅方案，批准此摘要，且仅此摘要。 I have read the plan and approve this digest and no other."


@dataclass(frozen=True, slots=True)
class Stated:
    """What a signed text says of itself, before anything is compared; every value is text."""

    case: str
    plan: str
    digest: str
    person: str
    role: str
    signed_at: str
    days: str

    @classmethod
    def read(cls, text: str) -> "Stated":
        """Read the first lines of a text; raises Refused when it is no approval."""
        lines = text.split("\n")
        found = [re.fullmatch(rf"{name}: (\S+)", line) for name, line in zip(NAMES, lines[1:], strict=False)]
        if lines[0] != HEAD or len(found) != len(NAMES) or not all(found):
            raise Refused("the signed text is no approval of a plan", rule="approval statement")
        return cls(*(match[1] for match in found if match))


def statement(plan: Plan, approver: Approver, *, digest: str, signed_at: str) -> str:
    """Write the text, each line ended.

    Args:
        plan: what is approved.
        approver: who signs.
        digest: the plan's own, which takes time to compute.
        signed_at: a UTC time with microseconds, as ledger entries have it.
    """
    values = (plan.case, plan.id, digest, approver.person, approver.role, signed_at, str(plan.approval_days))
    lines = [HEAD, *(f"{name}: {value}" for name, value in zip(NAMES, values, strict=True))]
    lines.append(f"wave: {plan.wave.value}")
    for act, word in _TOLD:
        orders = [order for order in plan.orders if order.act is act]
        if orders:
            records = sum(order.selection.count for order in orders)
            lines.append(f"{word}: {records:,} records in {len(orders)} orders")
    if plan.traces:
        files = sum(trace.files_max for trace in plan.traces)
        lines.append(f"destroy: {files:,} files of winddown's own, among them the case's key, for good")
    lines += [f"grace: {plan.grace_seconds} seconds", _YES]
    return "\n".join(lines) + "\n"
