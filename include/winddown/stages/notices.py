"""Writes the notices of a case as files for people to send: in both languages, with the facts of the case.

A notice of which a fact is missing is not written, and an older file of it is removed; the fact is named instead. No
customer is named in a notice.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from winddown.archive.atomic import write_atomically
from winddown.domain.case import Case
from winddown.domain.deadline import Status, last_day
from winddown.domain.decision import Decision, Disposition
from winddown.domain.event_title import EVENT_TITLES
from winddown.domain.notice import NoticeTemplate
from winddown.stages.clocks import situation
from winddown.stages.deadlines import case_position
from winddown.stages.deployment import Deployment

_EVENTS = ("dissolution_resolved", "liquidation_group_formed", "service_stopped")
_DISPOSITIONS_ZH = {
    Disposition.ERASE: "删除",
    Disposition.STORE_ONLY: "仅存储并移交托管",
    Disposition.HELD: "法律保全",
    Disposition.BLOCKED: "待决定",
}
_ELSEWHERE = {
    "contact": "contact in the case file",
    "dispositions_zh": "decisions: run the case until it has decided",
    "dispositions_en": "decisions: run the case until it has decided",
    "claims_until": "creditors_announced in the timeline",
}


@dataclass(frozen=True, slots=True)
class NoticeResult:
    """One notice: the files that were written, or the facts that are missing; and until when it must be out."""

    id: str
    files: tuple[str, ...]
    missing: tuple[str, ...]
    out_by: str = ""

    @property
    def sentence(self) -> str:
        """The same in words."""
        due = f" (to be out by {self.out_by})" if self.out_by else ""
        if not self.missing:
            return f"{self.id}{due}: {', '.join(self.files)}"
        return f"{self.id}{due}: not written, missing {'; '.join(_where(name) for name in self.missing)}"


def write_notices(deployment: Deployment, case_id: str) -> tuple[NoticeResult, ...]:
    """Write every notice that the law asks of this company into the case's folder ``notices``."""
    case = deployment.case(case_id)
    found = situation(deployment, case)
    facts = notice_facts(deployment, case)
    due = {
        owed.deadline.rule: str(owed.deadline.due_on)
        for owed in case_position(deployment, case_id).due(Status.DUE, Status.OVERDUE)
        if owed.deadline.due_on is not None
    }
    folder = deployment.folder(case_id, "notices")
    return tuple(
        _write(template, facts, folder, out_by=due.get(template.rule, ""))
        for pack in deployment.rulebook.packs
        for template in pack.notices
        if not found.subjects.isdisjoint(template.applies_to)
        and (not template.routes or found.route in template.routes)
    )


def _write(template: NoticeTemplate, facts: Mapping[str, str], folder: Path, *, out_by: str) -> NoticeResult:
    paths = {language: folder / f"{template.id}.{language}.txt" for language in ("zh", "en")}
    missing = template.missing(facts)
    if missing:
        for path in paths.values():
            path.unlink(missing_ok=True)
        return NoticeResult(template.id, (), missing, out_by)
    said = template.filled(facts)
    for language, words, label in (("zh", said.zh, "依据"), ("en", said.en, "Basis")):
        content = f"{words.rstrip()}\n\n{label}: {template.basis}\n".encode()
        write_atomically(paths[language], [content], replace=True)
    return NoticeResult(template.id, tuple(str(path) for path in paths.values()), (), out_by)


def notice_facts(deployment: Deployment, case: Case) -> dict[str, str]:
    """The facts that notices may name; one that the case does not have is not in it."""
    facts = {
        "company_zh": case.company.name_zh,
        "company_en": case.company.name_en,
        "uscc": case.company.uscc,
        "contact": case.contact,
        "recipient": case.custodian.organisation,
        "recipient_contact": case.custodian.contact,
        "persons": f"{case.profile.persons:,}",
        "stores": ", ".join(f"{store.name} ({store.region})" for store in case.stores),
    }
    facts |= {event: str(on) for event in _EVENTS if (on := case.timeline.on(event)) is not None}
    announced_on = case.timeline.on("creditors_announced")
    if announced_on is not None:
        window = deployment.rulebook.rule("DL-CO-235-CLAIM-45")
        facts["claims_until"] = str(last_day(window, announced_on, deployment.rulebook.calendar).on)
    return facts | _dispositions(deployment, case.id)


def _dispositions(deployment: Deployment, case_id: str) -> dict[str, str]:
    """Records by outcome, of the first look: counts alone."""
    decisions = deployment.control.get(case_id, "decisions", "first", type_=tuple[Decision, ...])
    if not decisions:
        return {}
    totals: Counter[Disposition] = Counter()
    for decision in decisions:
        totals[decision.disposition] += decision.count
    found = sorted(totals.items())
    return {
        "dispositions_zh": "，".join(f"{_DISPOSITIONS_ZH.get(name, name.value)} {count:,}" for name, count in found),
        "dispositions_en": ", ".join(f"{name.value.replace('_', ' ')} {count:,}" for name, count in found),
    }


def _where(name: str) -> str:
    if name in EVENT_TITLES:
        return f"{name} in the timeline ({EVENT_TITLES[name][0]})"
    return _ELSEWHERE.get(name, name)
