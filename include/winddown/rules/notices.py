"""Reads ``notices.yaml`` of a pack: the words of notices, and who sends them."""

import re
from collections.abc import Collection
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field

from winddown.domain.course import Said
from winddown.domain.errors import Refused
from winddown.domain.notice import NoticeTemplate
from winddown.rules.documents import RuleId, Text, Words
from winddown.rules.yaml_text import STRICT, read_yaml, validated


class _Document(BaseModel):
    model_config = STRICT


class NoticeDocument(_Document):
    """One notice; the fields are explained at ``winddown.domain.notice.NoticeTemplate``."""

    id: Annotated[str, Field(pattern=r"^[a-z_]+$")]
    rule: RuleId
    title_zh: Text
    title_en: Text
    applies_to: Words
    routes: list[Text] = []
    basis: Text
    zh: Text
    en: Text

    def to_template(self) -> NoticeTemplate:
        """Return the domain value."""
        return NoticeTemplate(
            self.id,
            self.rule,
            Said(self.title_zh, self.title_en),
            tuple(self.applies_to),
            tuple(self.routes),
            self.basis,
            Said(self.zh, self.en),
        )


class NoticesDocument(_Document):
    """The whole file."""

    notices: Annotated[list[NoticeDocument], Field(min_length=1)]


def load_notices(path: Path, *, subjects: Collection[str], rules: Collection[str]) -> tuple[NoticeTemplate, ...]:
    """Return the templates. ``Refused``, naming file and notice, for an unknown subject or rule, or a broken place."""
    document = validated(NoticesDocument, read_yaml(path), path.name)
    found = tuple(notice.to_template() for notice in document.notices)
    names = [template.id for template in found]
    for template in found:
        unknown = [subject for subject in template.applies_to if subject not in subjects]
        if unknown:
            raise Refused(f"{path.name}: {template.id}: field applies_to: pack.yaml does not know {', '.join(unknown)}")
        if template.rule not in rules:
            raise Refused(f"{path.name}: {template.id}: field rule: there is no rule {template.rule}")
        if names.count(template.id) > 1:
            raise Refused(f"{path.name}: {template.id} is there twice")
        for words in (template.text.zh, template.text.en):
            if re.search(r"[{}]", re.sub(r"\{[a-z_]+\}", "", words)):
                raise Refused(f"{path.name}: {template.id}: a place is written like {{company_zh}}")
    return found
