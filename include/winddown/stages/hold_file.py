"""A legal hold as people file it: in the case file, or alone in a file of its own with the same keys.

The keys of its persons stand in a list beside it, one column, and are in clear in memory only.
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from winddown.domain.case import Case
from winddown.domain.errors import Refused
from winddown.domain.filed import odd_values
from winddown.domain.hold import LegalHold, Scope
from winddown.domain.inventory import CollectionRef
from winddown.stages.case_model import HoldFields, HoldModel
from winddown.stages.filing import content_of, read_yaml, sentences

_RULE = "strict case validation"


@dataclass(frozen=True, slots=True)
class DeclaredHold:
    """A hold before it is placed, with the keys of its persons still in clear."""

    model: HoldFields
    subjects: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"DeclaredHold({self.model.id}, {len(self.subjects)} subjects)"

    def placed(self, *, manifest: str, subjects_digest: str) -> LegalHold:
        """The hold as it is placed once its persons' keys are in an encrypted manifest."""
        found, count = self.model, len(set(self.subjects))
        scope = Scope(
            company=found.company,
            collections=tuple(map(CollectionRef.parse, found.collections)),
            subjects_manifest=manifest if count else "",
            subjects_digest=subjects_digest if count else "",
            subject_count=count,
            since=found.since,
            until=found.until,
        )
        return LegalHold(
            id=found.id,
            matter=found.matter,
            ground=found.ground,
            authority=found.authority,
            document_number=found.document_number,
            steward=found.steward,
            placed_on=found.placed_on,
            review_on=found.review_on,
            scope=scope,
        )


def read_hold_file(path: Path, case: Case) -> DeclaredHold:
    """Read a YAML file with one hold for an opened case; a name in it is relative to its folder."""
    raw = read_yaml(path, what="hold_file")
    odd = list(odd_values(raw))
    if odd:
        raise _refused(odd)
    try:
        model = HoldModel.model_validate(raw)
    except ValidationError as error:
        raise _refused(sentences(error, of="hold")) from None
    return checked(with_subjects(model, path.parent, "hold", key=case.subjects.key), case)


def checked(found: DeclaredHold, case: Case) -> DeclaredHold:
    """The hold, if its fields agree with each other and with its case; raises Refused naming those that do not."""
    people, stores = {person.id for person in case.people}, {store.name for store in case.stores}
    problems = list(hold_problems(found.model, "hold", people=people, stores=stores, has_persons=bool(found.subjects)))
    if problems:
        raise _refused(problems)
    return found


def hold_problems(
    model: HoldFields, field: str, *, people: set[str], stores: set[str], has_persons: bool
) -> Iterator[str]:
    """What is wrong with a hold's fields among themselves and in its case, each with the field's name."""
    if model.steward not in people:
        yield f"{field}.steward: {model.steward} is not in people"
    for name in model.collections:
        if name.partition(":")[0] not in stores:
            yield f"{field}.collections: store {name.partition(':')[0]!r} is not declared"
    if model.review_on <= model.placed_on:
        yield f"{field}.review_on: {model.review_on} is not after placed_on {model.placed_on}"
        return
    try:
        DeclaredHold(model, ("somebody",) if has_persons else ()).placed(manifest="to come", subjects_digest="")
    except Refused as error:
        yield f"{field}: {error.message}" + (f" ({error.next_step})" if error.next_step else "")


def with_subjects(model: HoldModel, folder: Path, field: str, *, key: str) -> DeclaredHold:
    """Read the list of the hold's persons: one column headed ``subject`` or as the customers' key is named."""
    if not model.subjects:
        return DeclaredHold(model)
    raw = content_of(folder, model.subjects, f"{field}.subjects")
    try:
        content = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Refused(f"{field}.subjects: {model.subjects} is not UTF-8") from None
    try:
        rows = [row for row in csv.reader(io.StringIO(content)) if row]
    except csv.Error:
        raise Refused(f"{field}.subjects: {model.subjects} is not CSV") from None
    # Without a header the first person would be taken for one, and lose the hold.
    if not rows or rows[0] not in (["subject"], [key]) or any(len(row) != 1 for row in rows):
        raise Refused(f"{field}.subjects: {model.subjects} needs one column headed {key!r} or 'subject'")
    subjects = tuple(row[0] for row in rows[1:])  # as it is written: a key may begin or end with a blank
    if not subjects or not all(subject.strip() for subject in subjects):
        raise Refused(f"{field}.subjects: {model.subjects} names nobody, or has a blank line")
    return DeclaredHold(model, subjects)


def _refused(problems: list[str]) -> Refused:
    return Refused(
        "the hold is not valid: " + "; ".join(problems),
        rule=_RULE,
        next_step="correct these fields; nothing has happened",
    )
