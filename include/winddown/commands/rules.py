"""``rules list|show ID|diff A B|review``: what the packs say, what another version changes, what is due for review."""

import argparse
from collections.abc import Callable, Iterator
from typing import Any

from winddown.commands.why_text import Language, rule_lines
from winddown.domain.rule import Rule
from winddown.domain.rule_changes import RuleChange, rule_changes
from winddown.rules.loader import load_rulebook
from winddown.rules.words import Word, count
from winddown.settings import load, names
from winddown.stages.deployment import Deployment
from winddown.stages.review import review, review_lines
from winddown.stages.rules_diff import CaseDiff, diff_case

Deploy = Callable[[], Deployment]
_BOOK_HELP = "names of packs or paths, separated by commas; those of the deployment when left out"


def add_to(commands: Any) -> None:
    """Add the command and its own commands to the parser's."""
    rules = commands.add_parser("rules", help="the rules of the packs").add_subparsers(dest="rules", required=True)
    listing = rules.add_parser("list", help="one line a rule")
    listing.add_argument("--packs", type=names, help=_BOOK_HELP)
    showing = rules.add_parser("show", help="one rule, with the words of its article")
    showing.add_argument("id")
    showing.add_argument("--packs", type=names, help=_BOOK_HELP)
    showing.add_argument("--lang", choices=("zh", "en"), help="both when it is left out")
    comparing = rules.add_parser("diff", help="what differs between two rulebooks, and which decisions it changes")
    comparing.add_argument("before", type=names, metavar="A", help="names or paths of packs, separated by commas")
    comparing.add_argument("after", type=names, metavar="B", help="the same for the other rulebook")
    comparing.add_argument("--case", help="decide this case under both")
    rules.add_parser("review", help="what is due for review, in the packs and in the cases")


def run(deploy: Deploy, chosen: argparse.Namespace) -> int:
    """Run one of the commands; only those that look at a case build a deployment."""
    lines = {"list": _list, "show": _show, "diff": _diff, "review": _review}[chosen.rules](deploy, chosen)
    for line in lines:
        print(line)
    return 0


def _list(_deploy: Deploy, chosen: argparse.Namespace) -> Iterator[str]:
    for rule in load_rulebook(chosen.packs or load().rule_packs).rules.values():
        status, level = rule.verification.status.value, rule.basis.authority_level.value
        clock = f"{rule.period} from {rule.start_event}" if rule.period else rule.start_event
        yield f"{rule.id}\t{rule.kind}\t{clock}\t{level}\t{status}\t{rule.basis.citation}\t{rule.title_en}"


def _show(_deploy: Deploy, chosen: argparse.Namespace) -> Iterator[str]:
    book, lang = load_rulebook(chosen.packs or load().rule_packs), Language(chosen.lang or "both")
    rule = book.rule(chosen.id)
    yield f"{rule.id} {lang.of(Word(rule.title_zh, rule.title_en))}"
    yield from _fields(rule)
    yield from (line.removeprefix("    ") for line in rule_lines(rule, book.article(rule), lang))


def _fields(rule: Rule) -> Iterator[str]:
    for name, value in (
        ("kind", rule.kind.value),
        ("binds", ", ".join(rule.applies_to)),
        ("speaks of", ", ".join(rule.data_category)),
        ("period", f"{rule.period}" if rule.period else ""),
        ("counts from", rule.start_event),
        ("an officer may accept", rule.default_start_event or ""),
        ("until", rule.until_event or ""),
        ("needs", ", ".join(rule.needs)),
        ("recipient", rule.recipient),
        ("in force", f"{rule.basis.effective_from or 'always'} to {rule.basis.effective_to or 'today'}"),
        ("replaces", ", ".join(rule.supersedes)),
        ("reviewed on", f"{rule.reviewed_on}"),
        ("read in", f"{rule.verification.source}: {rule.verification.ref}"),
        ("notes", rule.notes),
    ):
        if value:
            yield f"  {name}: {value}"


def _diff(deploy: Deploy, chosen: argparse.Namespace) -> Iterator[str]:
    before, after = load_rulebook(chosen.before), load_rulebook(chosen.after)
    yield f"{before.name} → {after.name}"
    if chosen.case is None:
        yield from _rule_lines(rule_changes(before, after))
        return
    found = diff_case(deploy(), chosen.case, before, after)
    yield from _rule_lines(found.rules)
    yield from _decision_lines(found)


def _rule_lines(changes: tuple[RuleChange, ...]) -> Iterator[str]:
    yield f"{len(changes)} rules differ"
    for change in changes:
        yield f"  {change.change} {change.rule}"
        for name, was, now in change.fields:
            yield f"    {name}: {was or '(none)'} → {now or '(none)'}"


def _decision_lines(found: CaseDiff) -> Iterator[str]:
    changed = sum(change.count for change in found.decisions)
    yield f"{count(changed)} of {count(found.records)} records are decided otherwise"
    for change in found.decisions:
        what = "; ".join(part for part in change.what if not part.startswith(("outcome", "until")))
        also = f" ({what})" if what else ""
        yield f"  {change.collection}: {count(change.count)} from {change.before} to {change.after}{also}"
        yield f"    by {', '.join(change.rules)}"
    for left in found.uncompared:
        yield f"  {left.collection}: {count(left.records)} records not compared: {left.why}"


def _review(deploy: Deploy, _chosen: argparse.Namespace) -> Iterator[str]:
    deployment = deploy()
    yield from review_lines(review(deployment, deployment.control.cases()))
