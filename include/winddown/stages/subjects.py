"""Follows persons through the stores: who is a customer, under 14, overseas or held, and whose record is whose.

The index holds the customers' keys in memory, as text, for the time of one stage. It is written nowhere.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from winddown.domain.batch import CONTENT
from winddown.domain.case import Case, RegisterEntry, SubjectLink, Subjects
from winddown.domain.duties import DatedBy, dated_by, matching, subjects_of
from winddown.domain.errors import Refused
from winddown.domain.event import Scope
from winddown.domain.hold import LegalHold
from winddown.domain.inventory import Collection, Inventory
from winddown.domain.label import RecordClass
from winddown.domain.undecided import WHOLE_CATEGORIES
from winddown.stages.coverage import HOLDS, HoldsInForce, holds_in_force, refuse_missing_collections
from winddown.stages.deployment import Deployment, today
from winddown.stages.labels import date_of, is_placeholder, labels
from winddown.stages.pieces import in_pieces, looked_up
from winddown.stages.remembered import with_remembered
from winddown.stages.whole import gone_whole

_AT_HOME = ("CN", "CHN", "")
CHILD_UNTIL_AGE = 14  # 儿童个人信息网络保护规定 article 2: children are minors under fourteen


@dataclass(frozen=True, slots=True)
class SubjectIndex:
    """``table`` has one row a customer: subject (text), born_on (date), minor, overseas, held, listed (booleans).

    ``held`` says that a hold names the person; what else is held, ``holds`` knows. ``listed`` is false for who was a
    customer when an earlier plan was made and has no row any more.
    """

    table: pl.DataFrame
    holds: HoldsInForce

    @property
    def persons(self) -> int:
        """The number of customers, each counted once; those whose row is gone are not counted."""
        return int(self.table.get_column("listed").sum())

    def dates(self, deployment: Deployment, case: Case, entry: RegisterEntry) -> tuple[DatedBy, ...]:
        """The fields by which the records of an entry are told apart: those that rules in force count from."""
        book = deployment.rulebook
        rules = matching(book, entry, subjects_of(case, book, self.persons), today(deployment))
        return dated_by(rules, entry, case)

    def __repr__(self) -> str:
        return f"SubjectIndex({self.table.height} subjects)"


def build_index(deployment: Deployment, case: Case, inventory: Inventory) -> SubjectIndex:
    """Read the customer list; raises Refused when it cannot be read, because then nobody's record can be told."""
    subjects = case.subjects
    collection = inventory.collection(subjects.collection)
    gone = gone_whole(deployment, case.id)
    if collection is None and subjects.collection not in gone:
        raise Refused(
            f"the list of customers {subjects.collection} cannot be read, so no record can be tied to a person",
            rule="deny by default",
            next_step="resolve the blockers of its store: "
            + "; ".join(f"{found.subject} {found.code}" for found in inventory.blockers_of(subjects.collection)),
        )
    wanted = [name for name in (subjects.key, subjects.born_on, subjects.country) if name]
    if collection is not None:
        _refuse_missing_fields(collection, wanted)
    listed = _read(deployment, case, collection, wanted) if collection is not None else _nothing(wanted)
    listed = listed.select(
        pl.col(subjects.key).alias("subject"), *(_told(subjects, name) for name in ("born_on", "country"))
    )
    _refuse_unreadable_births(case, listed.get_column("born_on"))
    _refuse_unreadable_countries(case, listed.get_column("country"))
    frame = listed.select(
        "subject",
        _is_minor(case, pl.col("born_on")).alias("minor"),
        date_of(pl.col("born_on")).alias("born_on"),
        _country(pl.col("country")).is_in(_AT_HOME).not_().alias("overseas"),
    )
    _refuse_twins(case, frame)
    frame = with_remembered(deployment, case.id, frame)
    holds = holds_in_force(deployment, case)
    refuse_missing_collections(holds.holds, inventory, gone=gone)
    for hold in holds.holds:
        _refuse_strangers(case, hold, holds, frame.get_column("subject"))
    held = pl.col("subject").is_in(holds.held_persons.implode()).alias("held")
    return SubjectIndex(frame.with_columns(held), holds)


def _told(subjects: Subjects, what: str) -> pl.Expr:
    """What the list tells of each customer; nothing where it has no such field."""
    field: str = getattr(subjects, what)
    return (pl.col(field) if field else pl.lit(None, pl.String)).alias(what)


def _refuse_missing_fields(collection: Collection, wanted: list[str]) -> None:
    missing = [name for name in wanted if name not in collection.field_names()]
    if missing:
        raise Refused(
            f"the list of customers {collection.ref} has no field {', '.join(missing)}",
            rule="deny by default",
            next_step="correct subjects in the case file; born_on and country may be null where the list has neither",
        )


def _refuse_twins(case: Case, frame: pl.DataFrame) -> None:
    """Two customers under one key cannot be told apart: one's hold or childhood would become the other's."""
    named = frame.get_column("subject").drop_nulls()
    twins = named.len() - named.n_unique()
    if twins:
        raise Refused(
            f"the list of customers {case.subjects.collection} repeats {twins} keys in {case.subjects.key}",
            rule="one person, one key",
            next_step="name the field that tells customers apart, or have the steward merge the records",
        )


def _refuse_strangers(case: Case, hold: LegalHold, holds: HoldsInForce, known: pl.Series) -> None:
    """A hold whose keys match nobody would silently protect nobody."""
    count = len(set(holds.persons.get(hold.id, ())) - set(known))
    if count:
        raise Refused(
            f"hold {hold.id}: {count} of {hold.scope.subject_count} persons are not in {case.subjects.collection}",
            rule="a hold outranks every rule",
            next_step=f"{hold.steward} corrects the list of the hold's persons",
        )


def label_records(
    deployment: Deployment, case: Case, inventory: Inventory, index: SubjectIndex, collection: Collection
) -> pl.DataFrame:
    """Give every record of a collection its label; columns: the locators, ``subject``, ``label`` and ``holds``.

    A collection that carries one label throughout has the columns ``label`` and ``holds`` alone. ``CONTENT`` comes as
    32 bytes, labels and holds as categories: a record takes some 70 bytes, and several times as much only while its
    piece is labelled. Where a person's last event counts, all records of a collection are one piece.

    The classes are tried in the order of ``RecordClass``; every record gets exactly one.
    """
    entry = case.entry(collection.ref)
    whole = entry is None or entry.category in WHOLE_CATEGORIES
    is_untied = entry is not None and entry.subject is None and entry.about == "customers"
    if entry is None or whole or is_untied:
        # One label for all: nothing of it will be selected record by record, so nothing is read.
        holds = index.holds.over_untied(collection.ref, is_whole=whole)
        columns = {"label": [_untied_label(whole=whole, is_held=bool(holds))], HOLDS: [holds]}
        return pl.DataFrame(columns).select(pl.all().repeat_by(max(collection.record_count, 0)).explode())
    store = deployment.systems(case).store(collection.ref.store)
    locators = list(store.locators(collection))
    dates = index.dates(deployment, case, entry)
    link_field = "" if entry.subject is None else entry.subject.field
    leaned_on, _ = index.holds.leaned_on.get(collection.ref, ("", None))
    wanted = (link_field, leaned_on, index.holds.date_field(entry), *(found.field for found in dates))
    fields = [name for name in dict.fromkeys(wanted) if name]
    read: Iterable[pl.DataFrame] = in_pieces(store, collection, fields=fields, bound=True)
    if any(found.scope is Scope.PERSON for found in dates):
        read = [pl.concat(read)]
    labelled = label_rows(deployment, case, inventory, index, entry=entry, pieces=read)
    return pl.concat(_kept(found, locators) for found in labelled)


def _kept(labelled: pl.DataFrame, locators: Sequence[str]) -> pl.DataFrame:
    """What stays of labelled records, in its smallest form."""
    names = [name for name in (CONTENT, "subject") if name in labelled.columns]
    return labelled.select(*locators, *names, pl.col("label", HOLDS).cast(pl.Categorical))


def label_rows(
    deployment: Deployment,
    case: Case,
    inventory: Inventory,
    index: SubjectIndex,
    *,
    entry: RegisterEntry,
    pieces: Iterable[pl.DataFrame],
) -> Iterator[pl.DataFrame]:
    """Add ``subject``, ``label`` and ``holds`` to rows of a registered collection, wherever they were read.

    All records of a person have to be in one piece where the person's last event counts.
    """
    dates, link = index.dates(deployment, case, entry), entry.subject
    through = None if link is None or link.via is None else _map_through(deployment, case, inventory, link)
    for records in pieces:
        yield _labelled(index, records, entry, dates=dates, through=through, year_end=case.profile.fiscal_year_end)


def _labelled(
    index: SubjectIndex,
    records: pl.DataFrame,
    entry: RegisterEntry,
    *,
    dates: Sequence[DatedBy],
    through: pl.DataFrame | None,
    year_end: tuple[int, int],
) -> pl.DataFrame:
    link = entry.subject
    if entry.about != "customers" or link is None:
        about_others = labels(records, dates, fiscal_year_end=year_end, is_about_others=True)
        kept = index.holds.covering(entry, records).alias(HOLDS)
        held = pl.when(pl.col(HOLDS) == "").then(about_others).otherwise(pl.lit(RecordClass.HELD.value))
        return records.with_columns(kept).with_columns(held.alias("label"))
    subject = _subject_column(records, link, through)
    joined = looked_up(records.with_columns(subject.alias("subject")), index.table.drop("born_on"), ["subject"])
    # Null stays null: the person is no known customer. A hold that covers the record all the same comes first.
    known = pl.when(pl.col("held").is_not_null()).then(pl.lit(value=False))
    held = pl.when(pl.col(HOLDS) != "").then(pl.lit(value=True)).otherwise(known)
    joined = joined.with_columns(index.holds.covering(entry, joined)).with_columns(held.alias("held"))
    return joined.with_columns(labels(joined, dates, fiscal_year_end=year_end).alias("label"))


def _untied_label(*, whole: bool, is_held: bool) -> str:
    if is_held:
        return RecordClass.HELD_WHOLE.value
    return RecordClass.WHOLE.value if whole else RecordClass.UNTIED.value


def _subject_column(records: pl.DataFrame, link: SubjectLink, through: pl.DataFrame | None) -> pl.Series:
    if link.pattern:
        return records.get_column("winddown_object").str.extract(link.pattern, 1)
    own = records.get_column(link.field)
    if through is None:
        return own
    return looked_up(own.to_frame("own"), through, ["own"]).get_column("subject")


def _map_through(deployment: Deployment, case: Case, inventory: Inventory, link: SubjectLink) -> pl.DataFrame:
    """Columns own (the target field of the other collection) and subject (its subject)."""
    via, target = link.via, link.target
    assert via is not None  # noqa: S101 - the caller asked
    other = inventory.collection(via)
    entry: RegisterEntry | None = case.entry(via)
    if other is None and via in gone_whole(deployment, case.id):
        return _nothing(["own", "subject"])
    if other is None or entry is None or entry.subject is None or not entry.subject.field:
        raise Refused(f"records cannot be tied to persons through {via}: it is missing or not tied to persons itself")
    table = _read(deployment, case, other, list(dict.fromkeys([target, entry.subject.field])))
    pairs = table.select(pl.col(target).alias("own"), pl.col(entry.subject.field).alias("subject")).unique()
    # A target that leads to several persons leads to none that could be named.
    return pairs.group_by("own").agg(pl.when(pl.len() == 1).then(pl.col("subject").first()).alias("subject"))


def _is_minor(case: Case, born_on: pl.Expr) -> pl.Expr:
    """Under 14 on the day the service stopped; no unknown date of birth, or placeholder for one, makes a child."""
    stopped = case.timeline.on("service_stopped")
    if stopped is None:
        return pl.lit(value=False)
    return is_child(date_of(born_on), stopped)


def is_child(born_on: pl.Expr, on: date) -> pl.Expr:
    """Whether somebody with this date of birth has not had the fourteenth birthday on a day; false for null."""
    return (born_on > _same_day(on, on.year - CHILD_UNTIL_AGE)).fill_null(value=False)


def _country(text: pl.Expr) -> pl.Expr:
    return text.fill_null("").str.strip_chars().str.to_uppercase()


def _refuse_unreadable_countries(case: Case, country: pl.Series) -> None:
    """A country that nobody can read would make customers at home look like customers abroad."""
    plain = country.to_frame("c").select(_country(pl.col("c")).alias("c"))
    unread = plain.filter(~pl.col("c").is_in(_AT_HOME) & ~pl.col("c").str.contains(r"^[A-Z]{2}$")).height
    if unread:
        raise Refused(
            f"{unread} countries in {case.subjects.collection}.{case.subjects.country} cannot be read",
            rule="transfers abroad are counted by country",
            next_step="write them with two letters (ISO 3166), or leave those at home empty",
        )


def _refuse_unreadable_births(case: Case, born_on: pl.Series) -> None:
    """A birth date that nobody can read would make a child an adult in silence.

    A placeholder is the list's way to leave the day empty, and counts as empty: most lists have many, and nobody was
    born on 9999-12-31, which read as written would make a child. Who really was born on 1970-01-01 or 1900-01-01 is no
    child either way.
    """
    written = (pl.col("b").str.len_chars() > 0) & is_placeholder(pl.col("b")).not_()
    unread = born_on.to_frame("b").select(written & date_of(pl.col("b")).is_null())
    count = int(unread.to_series().fill_null(value=False).sum())
    if count:
        raise Refused(
            f"{count} birth dates in {case.subjects.collection}.{case.subjects.born_on} cannot be read",
            rule="DEL-CHILD-23 needs to know who is under 14",
            next_step="write them as 2015-03-02, or leave unknown ones empty",
        )


def _same_day(day: date, year: int) -> date:
    try:
        return day.replace(year=year)
    except ValueError:  # on 29 February, who was born on 1 March has not had the birthday yet
        return date(year, 2, 28)


def _read(deployment: Deployment, case: Case, collection: Collection, fields: list[str]) -> pl.DataFrame:
    store = deployment.systems(case).store(collection.ref.store)
    return pl.concat(found.select(fields) for found in in_pieces(store, collection, fields=fields))


def _nothing(names: Sequence[str]) -> pl.DataFrame:
    """No record, with these fields."""
    return pl.DataFrame(schema=dict.fromkeys(names, pl.String))
