"""Reads a rule pack from its YAML files into values, and refuses what it does not fully understand.

A pack is a folder: ``pack.yaml`` (id, version, as_of, disclaimer, vocabulary, sources), ``laws/*.yaml`` (the words of
the articles), ``pending.yaml`` (announced changes) and any number of ``*.yaml`` with a list under ``rules``. A key that
nobody reads, a key written twice, a word that is not in the pack's vocabulary, a quotation that is not in its article:
each would make a rule silently not match or not hold, so each is ``Refused``, naming file, rule and field.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from winddown.domain.canonical import digest
from winddown.domain.errors import Refused
from winddown.domain.pack import Article, Rulebook, RulePack
from winddown.domain.rule import WHOLE_RECORD, Period, Rule
from winddown.rules.calendar import load_calendar
from winddown.rules.consistency import check_consistent, check_level, check_penalty, check_quote
from winddown.rules.course import load_course
from winddown.rules.documents import LawDocument, PackDocument, PendingDocument, RuleDocument
from winddown.rules.notices import load_notices
from winddown.rules.yaml_text import read_yaml, validated

__all__ = ["load_pack", "load_rulebook", "read_yaml", "rule_schema", "validated"]

_RULES = Path(__file__).parent
_PARTS = (
    "calendar.yaml",
    "course.yaml",
    "notices.yaml",
)  # read by modules of their own, and covered by the pack's digest
_NO_RULES = frozenset({"pack.yaml", "pending.yaml", *_PARTS})


def load_rulebook(names: Iterable[str]) -> Rulebook:
    """Return the packs as one book: each name is a pack of this folder, or the path of one elsewhere."""
    return Rulebook(tuple(load_pack(name) for name in names))


def load_pack(name: str, root: Path = _RULES) -> RulePack:
    """Return the rule pack ``root/name``, or the one at the path ``name``.

    The digest depends on the content alone, not on order, comments or file names.

    Raises:
        Refused: unknown pack, unreadable file, unknown or repeated key, wrong value, repeated rule id, a quotation that
            its article does not contain, an authority that is not the law's, a penalty whose words are not stored,
            rules that supersede each other in a circle or contradict each other.
    """
    folder = Path(name) if "/" in name else root / name
    if not re.fullmatch(r"[a-z][a-z0-9_]*", folder.name) or not (folder / "pack.yaml").is_file():
        raise Refused(f"there is no rule pack {name!r}", next_step="name a folder that has a pack.yaml")
    found = sorted(path for path in folder.rglob("*.y*ml") if path.is_file())
    return _load(folder, tuple((path.name, hashlib.sha256(path.read_bytes()).digest()) for path in found))


@lru_cache(maxsize=8)
def _load(folder: Path, contents: tuple[tuple[str, bytes], ...]) -> RulePack:  # noqa: ARG001 - tells folders' states
    # Reading a pack takes a second or two, and every deployment in a process asks for the same ones.
    pack = validated(PackDocument, read_yaml(folder / "pack.yaml"), "pack.yaml")
    if pack.id != folder.name:
        raise Refused(f"pack.yaml: field id: {pack.id!r} stands in the folder {folder.name!r}")
    laws = [validated(LawDocument, read_yaml(path), f"laws/{path.name}") for path in sorted(folder.glob("laws/*.yaml"))]
    articles = _articles(laws, pack)
    levels = {law.law: law.authority_level for law in laws}
    _check_subjects(pack)
    documents: dict[str, RuleDocument] = {}
    rules: dict[str, Rule] = {}
    for path in sorted(folder.iterdir()):
        if path.name in _NO_RULES or path.suffix not in {".yaml", ".yml"}:
            continue
        for document in _documents(path):
            if document.id in documents:
                raise Refused(f"{path.name}: rule {document.id}: field id: another rule has this id")
            _check_words(document, pack, path.name)
            rule = _value(document, pack, path.name)
            check_quote(rule, articles, path.name)
            check_level(rule, levels, path.name)
            check_penalty(rule, articles, path.name)
            documents[document.id] = document
            rules[document.id] = rule
    if not rules:
        raise Refused(f"rule pack {pack.id!r} has no rules", next_step="an empty pack decides nothing")
    check_consistent(rules)
    pending = _pending(folder, rules)
    # Defaults are left out, so that a field added to the model later does not change the digest of an older pack.
    whole = {
        "pack": pack.model_dump(mode="json", exclude_defaults=True),
        "laws": [law.model_dump(mode="json") for law in sorted(laws, key=lambda law: law.law)],
        "rules": [documents[rule_id].model_dump(mode="json", exclude_defaults=True) for rule_id in sorted(documents)],
        "pending": [found.model_dump(mode="json") for found in pending],
        **{part: read_yaml(folder / part) for part in _PARTS if (folder / part).is_file()},
    }
    return RulePack(
        id=pack.id,
        version=pack.version,
        as_of=pack.as_of,
        disclaimer=pack.disclaimer,
        digest=digest(whole),
        categories=frozenset(pack.data_categories),
        rules=MappingProxyType(rules),
        subjects=MappingProxyType({word: found.to_subject(word) for word, found in pack.subjects.items()}),
        articles=MappingProxyType(articles),
        pending=tuple(found.to_pending() for found in pending),
        calendar=load_calendar(folder / "calendar.yaml") if (folder / "calendar.yaml").is_file() else None,
        course=load_course(folder / "course.yaml", subjects=pack.subjects, rules=rules)
        if (folder / "course.yaml").is_file()
        else None,
        notices=load_notices(folder / "notices.yaml", subjects=pack.subjects, rules=rules)
        if (folder / "notices.yaml").is_file()
        else (),
        review_every=None if pack.review_every is None else _review_every(pack.review_every),
    )


def _review_every(text: str) -> Period:
    try:
        return Period.parse(text)
    except Refused as refusal:
        raise Refused(f"pack.yaml: field review_every: {refusal.message}", next_step=refusal.next_step) from refusal


def rule_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of one entry under ``rules``, for editors and reviewers."""
    return RuleDocument.model_json_schema()


def _documents(path: Path) -> list[RuleDocument]:
    documents = []
    for number, entry in enumerate(_entries(path, "rules"), start=1):
        named = entry.get("id") if isinstance(entry, dict) else None
        documents.append(validated(RuleDocument, entry, f"{path.name}: rule {named or f'number {number}'}"))
    return documents


def _entries(path: Path, key: str) -> list[Any]:
    content = read_yaml(path)
    entries = content.get(key) if isinstance(content, dict) and set(content) == {key} else None
    if not isinstance(entries, list):
        raise Refused(f"{path.name}: field {key}: the file is one mapping with a list under {key!r} and nothing else")
    return entries


def _articles(laws: Sequence[LawDocument], pack: PackDocument) -> dict[tuple[str, str], Article]:
    articles: dict[tuple[str, str], Article] = {}
    for law in laws:
        if law.source not in pack.sources:
            raise Refused(f"laws: {law.law}: field source: pack.yaml does not know {law.source}")
        for name, text in law.articles.items():
            if (law.law, name) in articles:
                raise Refused(f"laws: {law.law}: {name} is in two files")
            articles[law.law, name] = Article(law.law, name, text, f"{pack.sources[law.source]}: {law.ref}")
    return articles


def _pending(folder: Path, rules: Mapping[str, Rule]) -> list[PendingDocument]:
    path = folder / "pending.yaml"
    if not path.is_file():
        return []
    found = [validated(PendingDocument, entry, "pending.yaml") for entry in _entries(path, "pending")]
    for change in found:
        unknown = [rule_id for rule_id in change.affects if rule_id not in rules]
        if unknown:
            raise Refused(f"pending.yaml: {change.id}: field affects: no rule {', '.join(unknown)}")
    return found


def _check_subjects(pack: PackDocument) -> None:
    for name, subject in pack.subjects.items():
        unknown = [test.fact for alternative in subject.when for test in alternative if test.fact not in pack.facts]
        if unknown:
            raise Refused(f"pack.yaml: field subjects.{name}.when: facts does not list {', '.join(unknown)}")


def _check_words(document: RuleDocument, pack: PackDocument, file: str) -> None:
    for field, used, known in (
        ("data_category", document.data_category, pack.data_categories),
        ("applies_to", document.applies_to, pack.subjects),
        ("needs", document.needs, [*pack.record_elements, WHOLE_RECORD]),
        ("recipient", [document.recipient] if document.recipient else [], pack.recipients),
        ("any_of", [test.fact for alternative in document.any_of for test in alternative], pack.facts),
        ("verification.source", [document.verification.source], pack.sources),
    ):
        unknown = [word for word in used if word not in known]
        if unknown:
            raise Refused(f"{file}: rule {document.id}: field {field}: pack.yaml does not know {', '.join(unknown)}")


def _value(document: RuleDocument, pack: PackDocument, file: str) -> Rule:
    try:
        rule = document.to_rule()
    except Refused as refusal:
        raise Refused(f"{file}: rule {document.id}: {refusal.message}", next_step=refusal.next_step) from refusal
    read_in = replace(rule.verification, source=pack.sources[rule.verification.source])
    return replace(rule, verification=read_in)
