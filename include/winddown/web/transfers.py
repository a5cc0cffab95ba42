"""Data abroad as the case page shows it: counts, path and citation, what is missing, who still has to confirm."""

from typing import Any

from winddown.domain.pack import Rulebook
from winddown.domain.transfer import TransferCheck


def transfers_view(rulebook: Rulebook, checks: tuple[TransferCheck, ...]) -> list[dict[str, Any]]:
    """One row a transfer; no personal data, only counts, ids, dates and the words of rules."""
    return [_row(rulebook, found) for found in checks]


def _row(rulebook: Rulebook, found: TransferCheck) -> dict[str, Any]:
    path = found.path
    rule = rulebook.rules.get(path.rule)
    return {
        "transfer": path.transfer,
        "recipient": found.recipient,
        "country": found.country,
        "means": found.means,
        "year": found.judged_on.year,
        "sensitive": str(found.sensitive),
        "other": str(found.other),
        "is_lower_bound": None in {found.sensitive.at_most, found.other.at_most},
        "rule": path.rule,
        "citation": path.citation,
        "quote": rule.basis.quote if rule is not None else "",
        "sentence": path.sentence,
        "could_be": path.could_be if not found.has_path_anyway else "",
        "has_path": found.has_path,
        "filings": [{"id": one.filing, "counts": one.counts, "why": one.why} for one in found.filings],
        "missing": [{"rule": one.rule, "title": one.title, "citation": one.citation} for one in found.missing],
        "met": len(found.owed) - len(found.missing),
        "confirmed_on": found.confirmed_on.isoformat() if found.confirmed_on else "",
        "awaits_confirmation": found.awaits_confirmation,
    }
