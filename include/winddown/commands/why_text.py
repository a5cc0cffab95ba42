"""An explanation as text for the terminal, in Chinese, in English, or in both. Nothing is decided here."""

from collections.abc import Iterator

from winddown.domain.decision import Decision
from winddown.domain.pack import Article
from winddown.domain.rule import Rule
from winddown.rules.sentences import said
from winddown.rules.words import Word, count, label_word, word
from winddown.stages.alike import Alike, Sentence, alike
from winddown.stages.explain import Explanation, LabelExplained, Spoken

_TERMS = {
    "decided": Word("决定依据", "decided under"),
    "first": Word("初步决定", "the first look"),
    "approved": Word("批准人", "approved by"),
    "rules": Word("规则", "rules"),
    "as_of": Word("截至", "as of"),
    "records": Word("条记录", "records"),
    "until": Word("保留至", "until"),
    "kept": Word("保留字段", "kept fields"),
    "no_end": Word("无期限", "no end"),
    "recipient": Word("接收方", "recipient"),
    "open": Word("待答", "open"),
    "answers": Word("由谁答复", "answered by"),
    "same": Word("今日重新决定，结果相同", "decided today, the same"),
    "changed": Word("今日决定将不同", "decided today, it would differ"),
    "new": Word("决定之后才出现，按今日说明", "it appeared after the decision; explained as of today"),
    "unlabelled": Word("起算日期有变，须重新读取", "its duties count from other dates now; the records are read anew"),
    "starts": Word("起算", "counts from"),
    "winners": Word("依据", "what decided"),
    "losers": Word("被排除", "what was outweighed"),
    "silent": Word("未适用", "what took no part"),
    "words": Word("原文", "words of the article"),
    "no_words": Word("未存原文", "the words are not stored"),
    "penalty": Word("罚则", "breaking it"),
    "no_penalty": Word("未记录罚则", "no penalty is recorded"),
}


class Language:
    """Chooses words: ``zh``, ``en`` or ``both``."""

    def __init__(self, name: str) -> None:
        self.name = name

    def of(self, found: Word) -> str:
        """The words in the chosen language, English where there is no Chinese."""
        if self.name == "both" and found.zh and found.en and found.zh != found.en:
            return f"{found.zh} {found.en}"
        return (found.zh if self.name != "en" else found.en) or found.en or found.zh

    def term(self, key: str) -> str:
        """One of this module's own words."""
        return self.of(_TERMS[key])

    def word(self, kind: str, key: str) -> str:
        """A word of the shared vocabulary."""
        return self.of(word(kind, key))


def explanation_text(found: Explanation, lang: Language) -> str:
    """The whole explanation, one block for the labels that the same rules treat alike."""
    return "\n".join([*_head(found, lang), *(line for one in alike(found.labels) for line in _block(one, lang))])


def _head(found: Explanation, lang: Language) -> Iterator[str]:
    yield found.collection
    source = lang.term("first") if found.source == "first" else found.source
    yield f"{lang.term('decided')}: {source}" + (f" ({found.decided_by})" if found.decided_by else "")
    if found.approvals:
        yield f"{lang.term('approved')}: {', '.join(found.approvals)}"
    yield f"{lang.term('rules')}: {found.rulebook}; {lang.term('as_of')} {found.as_of}"


def label_lines(found: LabelExplained, lang: Language) -> Iterator[str]:
    """The lines of one label."""
    yield from _block(Alike((found,)), lang)


def _block(group: Alike, lang: Language) -> Iterator[str]:
    """What was decided on each label of a group, and then once what the rules say of all of them."""
    yield ""
    for found in group.labels:
        decision = found.decision
        until = f", {lang.term('until')} {decision.until}" if decision.until else ""
        records = f"{count(decision.count)} {lang.term('records')}"
        yield f"{lang.of(label_word(decision.label))} [{decision.label}]: {records}"
        yield f"  {lang.word('disposition', decision.disposition)}{until}"
        yield from _kept(decision, lang)
        for event, when, rules in found.starts:
            yield f"  {lang.term('starts')}: {lang.word('event', event)} {when} → {', '.join(rules) or '-'}"
        yield from _today(found, lang)
    for index, question in enumerate(group.first.questions):
        who = f"{lang.term('answers')}: {question.answered_by}"
        for one in group.sentences("questions", index):
            yield f"  {lang.term('open')} ({who}): {question.code}: {_of_labels(one, lang)}"
    for key, mark in (("winners", "+"), ("losers", "-"), ("silent", "·")):
        spoken = getattr(group.first, key)
        if spoken:
            yield f"  {lang.term(key)}:"
        for index, one in enumerate(spoken):
            yield from _spoken(one, group.sentences(key, index), mark, lang, is_brief=key == "silent")


def _of_labels(found: Sentence, lang: Language) -> str:
    says = lang.of(said(found.says))
    return f"[{', '.join(found.labels)}] {says}" if found.labels else says


def _kept(decision: Decision, lang: Language) -> Iterator[str]:
    for term in decision.terms:
        until = f"{lang.term('until')} {term.until or lang.term('no_end')}"
        yield f"  {lang.term('kept')}: {', '.join(term.fields)}, {until}"
    if decision.recipient:
        yield f"  {lang.term('recipient')}: {decision.recipient}"


def _today(found: LabelExplained, lang: Language) -> Iterator[str]:
    if found.is_new:
        yield f"  {lang.term('new')}"
    elif found.now is None:
        yield f"  {lang.term('unlabelled')}"
    elif found.changes:
        yield f"  {lang.term('changed')}: {'; '.join(found.changes)}"
    else:
        yield f"  {lang.term('same')}"


def _spoken(
    found: Spoken, sentences: tuple[Sentence, ...], mark: str, lang: Language, *, is_brief: bool
) -> Iterator[str]:
    rule, reason = found.rule, found.reason
    title = "" if rule is None else " " + lang.of(Word(rule.title_zh, rule.title_en))
    yield f"    {mark} {reason.rule}{title}"
    yield from (f"      {_of_labels(one, lang)}" for one in sentences)
    if reason.step:
        yield f"      {reason.step}: {lang.word('precedence', reason.step)}"
    if rule is not None:
        yield from rule_lines(rule, None if is_brief else found.article, lang, is_brief=is_brief)


def rule_lines(rule: Rule, article: Article | None, lang: Language, *, is_brief: bool = False) -> Iterator[str]:
    """Citation, authority, verification; and unless brief the words of the article and what breaking the rule costs."""
    basis, status = rule.basis, rule.verification.status
    said = f"{lang.word('authority', basis.authority_level)}; {lang.word('verification', status)}"
    yield f"      {basis.citation} ({said})"
    if is_brief:
        return
    words = article.text if article is not None else basis.quote or lang.term("no_words")
    yield f"      {lang.term('words')}: {' '.join(words.split())}"
    penalty = rule.penalty
    says = lang.term("no_penalty") if penalty is None else f"{penalty.article}: {penalty.text}"
    yield f"      {lang.term('penalty')}: {says}"
