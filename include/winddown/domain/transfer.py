"""Which path the law asks for when data go abroad, what serves it, and what is owed beside it.

Numbers of natural persons include the number itself, are per calendar year from 1 January, and count each person once
over all transfers of the company (CAC Q&A of 2026-04-29; 令20 article 5 forbids splitting). Deleting later does not
lower what was provided before.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date

from winddown.domain.border import FACTS_DECLARED, MAINLAND_COUNTRY, Filing, Means
from winddown.domain.case import Case, Profile, Recipient, Transfer
from winddown.domain.inventory import CollectionRef
from winddown.domain.pack import Rulebook
from winddown.domain.rule import Rule, RuleKind

Facts = Mapping[str, bool | int | str]

_EXPORTER = {"data_exporter", "pi_handler", "network_data_handler"}
_MORE_THAN_ANYBODY = 10**11  # persons; stands for a number that nobody knows


@dataclass(frozen=True, slots=True)
class Count:
    """So many natural persons at least and at most; ``at_most`` is None where nobody knows."""

    at_least: int
    at_most: int | None

    @property
    def is_exact(self) -> bool:
        """Whether both are one number."""
        return self.at_least == self.at_most

    def __str__(self) -> str:
        if self.is_exact:
            return f"{self.at_least}"
        return f"at least {self.at_least}" if self.at_most is None else f"{self.at_least} to {self.at_most}"


@dataclass(frozen=True, slots=True)
class TransferPath:
    """The path of one transfer and the rule that gives it.

    Attributes:
        rule: id of the exemption or path; "" when none applies.
        needs_filing: an assessment, a standard contract or a certificate is needed; without one that counts it blocks.
        could_be: the rule for the most persons that there may be, where it is another one; then the officer confirms
            the count first.
    """

    transfer: str
    rule: str
    citation: str
    needs_filing: bool
    sentence: str
    could_be: str = ""


@dataclass(frozen=True, slots=True)
class FilingCheck:
    """Whether a filing carries a transfer on a day, and why (not).

    Attributes:
        until: the last day on which it would; None for one that could not on any.
        suffices: it would carry the transfer by the stricter path too that it may need.
    """

    filing: str
    counts: bool
    why: str
    citation: str
    until: date | None
    suffices: bool = False


@dataclass(frozen=True, slots=True)
class Owed:
    """A condition that holds on every path. ``met_on`` is None while no evidence of it is recorded."""

    rule: str
    title: str
    citation: str
    met_on: date | None


@dataclass(frozen=True, slots=True)
class TransferCheck:
    """Everything that is known about the lawfulness of one transfer.

    Attributes:
        judged_on: the day whose rules and filings count: today, or the day on which the transfer ended.
        sensitive, other: persons of that calendar year, over all transfers of the company.
        confirmed_on: when the recipient confirmed deletion or return; None while it is a task.
        is_ahead: it has not happened yet, so what is missing can still be done first.
    """

    path: TransferPath
    recipient: str
    country: str
    means: str
    judged_on: date
    sensitive: Count
    other: Count
    filings: tuple[FilingCheck, ...]
    owed: tuple[Owed, ...]
    confirmed_on: date | None
    is_ahead: bool

    @property
    def has_path(self) -> bool:
        """Whether an exemption or a filing that counts carries the transfer."""
        return not self.path.needs_filing or any(found.counts for found in self.filings)

    @property
    def has_path_anyway(self) -> bool:
        """Whether a filing carries the transfer however many persons there were."""
        return any(found.suffices for found in self.filings)

    @property
    def missing(self) -> tuple[Owed, ...]:
        """The conditions without evidence."""
        return tuple(found for found in self.owed if found.met_on is None)

    @property
    def awaits_confirmation(self) -> bool:
        """Whether the recipient's deletion is an open task; who keeps as custodian has nothing to delete."""
        return self.confirmed_on is None and self.means != Means.CUSTODY


def undeclared_hand_over(case: Case, ref: CollectionRef, receiver: Recipient) -> str:
    """Why an archive of a collection may not go to its receiver as far as the border is concerned; "" when it may.

    Handing an archive over abroad is a transfer, so one that the case declares stands for it, and is checked as such.
    """
    if receiver.country == MAINLAND_COUNTRY:
        return ""
    if not receiver.country:
        return f"nobody says in which country the {receiver.role} {receiver.organisation} is"
    declared = any(
        found.means is Means.CUSTODY and found.collection == ref and found.country == receiver.country
        for found in case.transfers
    )
    if declared:
        return ""
    return f"its archive goes to a {receiver.role} in {receiver.country}: handing it over is a transfer"


def facts_of(transfer: Transfer, profile: Profile, *, contains_personal: bool, origin: str) -> dict[str, bool | str]:
    """The facts that rules may ask of a transfer, without the numbers of persons."""
    declared = {name: name in transfer.circumstances for name in FACTS_DECLARED}
    return {
        **declared,
        "legal_basis": transfer.legal_basis,
        "purpose": transfer.purpose,
        "critical_infrastructure": profile.critical_infrastructure,
        "important_data": profile.important_data,
        "contains_personal": contains_personal,
        "origin": origin,
    }


def find_path(transfer_id: str, facts: Facts, *, rulebook: Rulebook, as_of: date) -> TransferPath:
    """Try the exemptions in force first (they prevail), then the paths in force, by priority."""
    rules = sorted(rulebook.in_force(as_of), key=lambda rule: (rule.priority, rule.id))
    for kind, needs_filing in ((RuleKind.TRANSFER_EXEMPTION, False), (RuleKind.TRANSFER_PATH, True)):
        for rule in rules:
            if rule.kind is kind and rule.conditions_hold(facts):
                return _path(transfer_id, rule, facts, needs_filing=needs_filing)
    return TransferPath(transfer_id, "", "", needs_filing=True, sentence="no exemption and no path of the pack applies")


def decide_path(
    transfer_id: str, facts: Facts, numbers: Mapping[str, Count], *, rulebook: Rulebook, as_of: date
) -> TransferPath:
    """Return the path of at least so many persons, and in ``could_be`` that of at most so many where it differs.

    More persons never lead to a weaker path, so where both ends agree everything between them does.
    """
    least: Facts = {**facts, **{name: count.at_least for name, count in numbers.items()}}
    most: Facts = {
        **facts,
        **{
            name: _MORE_THAN_ANYBODY if count.at_most is None else max(count.at_least, count.at_most)
            for name, count in numbers.items()
        },
    }
    path = find_path(transfer_id, least, rulebook=rulebook, as_of=as_of)
    highest = find_path(transfer_id, most, rulebook=rulebook, as_of=as_of)
    return TransferPath(
        path.transfer,
        path.rule,
        path.citation,
        path.needs_filing,
        _sentence(rulebook.rules.get(path.rule), numbers),
        could_be=highest.rule if highest.rule != path.rule else "",
    )


def check_filings(
    path: TransferPath,
    filings: Iterable[Filing],
    *,
    rulebook: Rulebook,
    on: date,
    company_ended_on: date | None = None,
) -> tuple[FilingCheck, ...]:
    """Judge every filing that speaks of the transfer; under an exemption none is needed and none is judged.

    A filing is the company's: with the company it lapses, whatever its document says.
    """
    if not path.needs_filing and not path.could_be:
        return ()
    return tuple(
        replace(
            _filing(found, path.rule if path.needs_filing else path.could_be, rulebook, on, company_ended_on),
            suffices=_filing(found, path.could_be or path.rule, rulebook, on, company_ended_on).counts,
        )
        for found in filings
        if path.transfer in found.covers
    )


def owed_conditions(transfer: Transfer, facts: Facts, *, rulebook: Rulebook, as_of: date) -> tuple[Owed, ...]:
    """The conditions of every path that apply to the transfer, strongest first.

    They bind the company as what a transfer makes it; conditions of other roles are judged where the roles are.
    """
    met = {found.rule: found.met_on for found in transfer.met}
    roles = _EXPORTER | ({"cii_operator"} if facts["critical_infrastructure"] else set())
    rules = [
        rule
        for rule in rulebook.in_force(as_of)
        if rule.kind is RuleKind.TRANSFER_CONDITION and not roles.isdisjoint(rule.applies_to)
    ]
    return tuple(
        Owed(rule.id, f"{rule.title_zh} {rule.title_en}", rule.basis.citation, met.get(rule.id))
        for rule in sorted(rules, key=lambda rule: (rule.priority, rule.id))
        if rule.conditions_hold(facts)
    )


def _path(transfer_id: str, rule: Rule, facts: Facts, *, needs_filing: bool) -> TransferPath:
    counts = f"{facts['persons_other']} persons this year, {facts['persons_sensitive']} with sensitive information"
    return TransferPath(transfer_id, rule.id, rule.basis.citation, needs_filing, f"{rule.title_en}: {counts}")


def _sentence(rule: Rule | None, numbers: Mapping[str, Count]) -> str:
    title = "no exemption and no path of the pack applies" if rule is None else rule.title_en
    other, sensitive = numbers["persons_other"], numbers["persons_sensitive"]
    return f"{title}: {other} persons in the year, {sensitive} more with sensitive information"


def _filing(filing: Filing, path: str, rulebook: Rulebook, on: date, company_ended_on: date | None) -> FilingCheck:
    serving = [
        rule
        for rule in rulebook.in_force(on)
        if rule.kind is RuleKind.TRANSFER_FILING and rule.conditions_hold({"filing": filing.kind, "path": path})
    ]
    if not serving:
        why = f"of kind {filing.kind}, which does not serve {path or 'what no path allows'}"
        return FilingCheck(filing.id, counts=False, why=why, citation="", until=None)
    rule = serving[0]
    until = filing.valid_until if rule.period is None else min(filing.valid_until, rule.period.add_to(filing.issued_on))
    if company_ended_on is not None and on > company_ended_on:
        why = f"lapsed with the company on {company_ended_on}"
    elif on < filing.issued_on:
        why = f"issued on {filing.issued_on} only"
    elif on > until:
        why = f"expired after {until}"
    else:
        return FilingCheck(
            filing.id, counts=True, why=f"valid until {until}", citation=rule.basis.citation, until=until
        )
    return FilingCheck(filing.id, counts=False, why=why, citation=rule.basis.citation, until=until)
