"""What rules may not say of each other, and what they may not say of the law."""

import re
from collections.abc import Iterator, Mapping
from datetime import date
from itertools import combinations

from winddown.domain.errors import Refused
from winddown.domain.pack import Article
from winddown.domain.rule import AuthorityLevel, Calendar, Rule, RuleKind, VerificationStatus

_CITED = re.compile(r"(?:(?P<law>[^第]+?))?(?P<article>第[零一二三四五六七八九十百千]+条(?:之[一二三四五六七八九十])?)")
_LONG_AGO = date(1900, 1, 1)
_ANY_DAY = date(2000, 1, 1)  # on which two periods are laid side by side


def check_quote(rule: Rule, articles: Mapping[tuple[str, str], Article], file: str) -> None:
    """Refuse a verified rule whose quotation is not in the words of its article as they are stored."""
    if rule.verification.status is not VerificationStatus.VERIFIED:
        return
    texts = [article.text for (law, name), article in articles.items() if law == rule.basis.law and _is_in(rule, name)]
    if not texts:
        raise Refused(
            f"{file}: rule {rule.id}: field basis.article: no words of {rule.basis.citation} are stored",
            next_step="add the article to the file of its law in laws/, or do not call the rule verified",
        )
    if not any(_plain(rule.basis.quote) in _plain(text) for text in texts):
        raise Refused(
            f"{file}: rule {rule.id}: field basis.quote: these are not the words of {rule.basis.citation}",
            next_step="quote the article as it is stored in laws/",
        )


def check_level(rule: Rule, levels: Mapping[str, AuthorityLevel], file: str) -> None:
    """Refuse a rule that gives its law another authority than the file of the law does."""
    level = levels.get(rule.basis.law, rule.basis.authority_level)
    if rule.basis.authority_level is not level:
        raise Refused(
            f"{file}: rule {rule.id}: field basis.authority_level: {rule.basis.authority_level.value}, but laws/ has "
            f"{rule.basis.law} as {level.value}",
            next_step="look up who made it; only laws and administrative regulations override deletion",
        )


def check_penalty(rule: Rule, articles: Mapping[tuple[str, str], Article], file: str) -> None:
    """Refuse a penalty that names an article of a stored law whose words are not stored.

    A penalty names its laws without 中华人民共和国, and without the brackets at the end where only one version is
    meant; a second article of the same law follows without the name: 反洗钱法第五十三条、第五十四条.
    """
    if rule.penalty is None:
        return
    law = ""
    for found in _CITED.finditer(rule.penalty.article):
        law = (found["law"] or "").strip("、") or law
        stored = {name for name, _ in articles if law in _short_names(name)}
        if stored and not any((name, found["article"]) in articles for name in stored):
            raise Refused(
                f"{file}: rule {rule.id}: field penalty.article: no words of {law} {found['article']} are stored",
                next_step="add the article to the file of its law in laws/",
            )


def _short_names(law: str) -> set[str]:
    name = law.removeprefix("中华人民共和国")
    return {name, re.sub("（[^（）]*）$", "", name)}


def check_consistent(rules: Mapping[str, Rule]) -> None:
    """Refuse rules that supersede each other in a circle or while both are in force, or that cannot both be obeyed."""
    for problem in (*_supersession_problems(rules), *_contradictions(rules)):
        raise Refused(problem, rule="consistent rule pack", next_step="correct the pack; nothing was decided by it")


def _is_in(rule: Rule, article: str) -> bool:
    # A rule may rest on several articles, and on a paragraph or an item of one.
    return any(part.startswith(article) for part in rule.basis.article.split("、"))


def _plain(text: str) -> str:
    return "".join(text.split())


def _supersession_problems(rules: Mapping[str, Rule]) -> Iterator[str]:
    for rule in rules.values():
        for earlier_id in rule.supersedes:
            earlier = rules.get(earlier_id)
            if earlier is None:
                yield f"rule {rule.id}: field supersedes: there is no rule {earlier_id}"
                continue
            start = rule.basis.effective_from or _LONG_AGO
            if earlier.basis.effective_to is None or earlier.basis.effective_to >= start:
                yield (
                    f"rule {rule.id} is in force from {start} and supersedes {earlier_id}, which is in force until "
                    f"{earlier.basis.effective_to or 'today'}: field basis.effective_to of {earlier_id}"
                )
        if rule.id in _earlier(rules, rule):
            yield f"rule {rule.id} supersedes itself through {', '.join(sorted(_earlier(rules, rule) - {rule.id}))}"


def _earlier(rules: Mapping[str, Rule], rule: Rule) -> set[str]:
    seen: set[str] = set()
    waiting = list(rule.supersedes)
    while waiting:
        found = waiting.pop()
        if found not in seen and found in rules:
            seen.add(found)
            waiting += rules[found].supersedes
    return seen


def _contradictions(rules: Mapping[str, Rule]) -> Iterator[str]:
    """A maximum below a minimum for the same records of the same company, from the same start, by equal authority."""
    dated = [rule for rule in rules.values() if rule.period is not None and rule.calendar is Calendar.NATURAL]
    for one, other in combinations(dated, 2):
        for least, most in ((one, other), (other, one)):
            if (
                least.keeps
                and most.kind is RuleKind.MAX_RETENTION
                and least.start_event == most.start_event
                and least.basis.authority_level is most.basis.authority_level
                and set(least.data_category) & set(most.data_category)
                and set(least.applies_to) & set(most.applies_to)
                and _in_force_together(least, most)
                and _days(least) > _days(most)
            ):
                yield f"rules {least.id} (at least {least.period}) and {most.id} (at most {most.period}) contradict"


def _days(rule: Rule) -> int:
    assert rule.period is not None  # noqa: S101 - the caller chose rules with one
    return (rule.period.add_to(_ANY_DAY) - _ANY_DAY).days


def _in_force_together(one: Rule, other: Rule) -> bool:
    starts = max(one.basis.effective_from or _LONG_AGO, other.basis.effective_from or _LONG_AGO)
    return one.in_force(starts) and other.in_force(starts)
