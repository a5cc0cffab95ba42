"""How fast records are labelled and decided: columns of a million records, under every rule in force.

Records are tied to customers, dated by month and fiscal year, and spread over collections of four kinds. Beside it, in
the same run, a sample is decided record by record, which is what the columns save. CPU time of this process, all
threads.
"""

import argparse
import sys
import time
from datetime import date, timedelta

import numpy as np
import polars as pl

from winddown.domain.case import (
    AcceptedDate,
    Case,
    Custodian,
    Grace,
    Person,
    Profile,
    RegisterEntry,
    Subjects,
)
from winddown.domain.company import Company
from winddown.domain.decision import Decision
from winddown.domain.disposition import decide
from winddown.domain.duties import Facts, dated_by
from winddown.domain.finding import Finding, Status
from winddown.domain.inventory import Collection, CollectionRef, Field, Medium
from winddown.domain.label import Label
from winddown.domain.timeline import Timeline, TimelineEvent
from winddown.rules.loader import load_rulebook
from winddown.stages.labels import labels

CUSTOMERS = 100_000
SHARES = {"minor": 0.03, "overseas": 0.05, "held": 0.01}
AS_OF = date(2026, 11, 23)
RULEBOOK = load_rulebook(("cn", "eu", "hk", "us"))
VOUCHER = (("number", "voucher_number"), ("on", "voucher_date"), ("amount", "amount"))
FIELDS = tuple(Field(name, "text", nullable=True) for name in ("number", "customer", "phone", "on", "amount"))
CASE = Case(
    id="bench",
    company=Company("示例公司", "Example", "91310000MA1K35QT41"),
    profile=Profile(
        "general", ("ecommerce_operator", "ecommerce_platform_operator", "travel_agency"), False, False, (12, 31)
    ),
    people=(Person("chen", "陈", "liquidation_group"),),
    approvers=("chen",),
    grace=Grace(timedelta(days=7), "usual", "chen"),
    custodian=Custodian("he", "示例托管", "custody@example.com", "", date(2026, 10, 1)),
    stores=(),
    timeline=Timeline((TimelineEvent("S3", "service_stopped", date(2026, 10, 31), "stop.txt", "0" * 64),)),
    accepted_dates=(AcceptedDate("RET-TAX-10Y", "day_after_fiscal_year_end", "chen", "0" * 64),),
    subjects=Subjects(CollectionRef("shop", "customers"), "id", "born_on", "country"),
    register=(),
    transfers=(),
)
ENTRIES = (
    RegisterEntry(CollectionRef("shop", "contacts"), "customer_contact", "sale", "li"),
    RegisterEntry(
        CollectionRef("shop", "orders"), "accounting_vouchers", "sale", "li",
        dated_by="on", custody="sealed", elements=VOUCHER,
    ),
    RegisterEntry(
        CollectionRef("shop", "trades"), "accounting_vouchers", "sale", "li", also=("transactions",),
        dated_by="on", dates=(("transaction_completed", "on"),), custody="in_place", elements=VOUCHER,
    ),
    RegisterEntry(
        CollectionRef("shop", "tours"), "travel_contracts", "sale", "li",
        dates=(("contract_ended", "on"),), custody="sealed",
    ),
)  # fmt: skip
RULES = 60  # at least so many rules are in force
UNDATED = 18  # of 3,650 days
LINEAR = 2.2  # at most so many times as long for twice as many records


def facts_of(entry: RegisterEntry) -> Facts:
    """What is known about one collection."""
    ref = entry.collection
    finding = Finding(ref, "phone", Status.CONFIRMED, "mobile", False, 9, 0, (), (), ("looks like it",), ())
    collection = Collection(ref, Medium.TABLE, "table", ("number",), FIELDS, (), 9, 9, 0, "f" * 64)
    return Facts(CASE, collection, entry, (finding,), (), RULEBOOK, AS_OF, persons=CUSTOMERS)


def records_of(count: int, rng: np.random.Generator) -> pl.DataFrame:
    """Records of customers, dated over ten years; one in two hundred has no date or an unknown customer."""
    days = pl.Series(rng.integers(0, 3650, count)).cast(pl.Int64)
    start = pl.lit(date(2016, 11, 1))
    return pl.DataFrame({"subject": rng.integers(0, int(CUSTOMERS * 1.005), count), "days": days}).select(
        pl.col("subject").cast(pl.String),
        pl.when(pl.col("days") >= UNDATED).then((start + pl.duration(days=pl.col("days"))).dt.to_string("%F"))
        .alias("on"),
    )  # fmt: skip


def customers(rng: np.random.Generator) -> pl.DataFrame:
    """The index of customers as a stage builds it."""
    return pl.DataFrame(
        {
            "subject": [str(number) for number in range(CUSTOMERS)],
            "minor": rng.random(CUSTOMERS) < SHARES["minor"],
            "overseas": rng.random(CUSTOMERS) < SHARES["overseas"],
            "held": rng.random(CUSTOMERS) < SHARES["held"],
        }
    )


def decided(facts: Facts, records: pl.DataFrame, index: pl.DataFrame) -> list[Decision]:
    """Label every record by columns, then decide each label once."""
    assert facts.entry is not None  # noqa: S101 - all of these are registered
    joined = records.join(index, on="subject", how="left", maintain_order="left")
    dates = dated_by(facts.rules, facts.entry, facts.case)
    found = labels(joined, dates, fiscal_year_end=(12, 31)).value_counts()
    return [decide(facts, Label.parse(label), count) for label, count in found.iter_rows()]


def measure(count: int) -> tuple[float, int, int]:
    """CPU seconds, decisions and records decided, over all collections."""
    rng = np.random.default_rng(7)
    index = customers(rng)
    shares = [(facts_of(entry), records_of(count // len(ENTRIES), rng)) for entry in ENTRIES]
    started = time.process_time()
    results = [decided(facts, records, index) for facts, records in shares]
    took = time.process_time() - started
    decisions = [decision for result in results for decision in result]
    return took, len(decisions), sum(decision.count for decision in decisions)


def row_by_row(sample: int) -> float:
    """CPU seconds for deciding each record of a sample by itself."""
    facts = facts_of(ENTRIES[2])
    label = Label.parse("customer/2025/transaction_completed=2025-06")
    started = time.process_time()
    for _ in range(sample):
        decide(facts, label, 1)
    return (time.process_time() - started) / sample


def main(arguments: list[str]) -> int:
    """Print how long it took, and one line a figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args(arguments)
    active = len(RULEBOOK.in_force(AS_OF))
    measure(options.records // 10)
    took, decisions, counted = min(measure(options.records) for _ in range(options.repeat))
    tenth, _, _ = min(measure(options.records // 10) for _ in range(options.repeat))
    double, _, _ = min(measure(options.records * 2) for _ in range(options.repeat))
    single = row_by_row(2_000)
    print(f"{counted:,} records, {active} rules in force, {decisions} decisions: {took:.2f} s of CPU")
    print(f"a tenth of the records: {tenth:.2f} s, twice as many: {double:.2f} s")
    print(
        f"record by record it would take {single * options.records:.0f} s, {single * options.records / took:.0f} times"
    )
    limit = 3.0 * options.records / 1_000_000
    _figure("decide_cpu_seconds", took, "s", f"<{limit:g}", is_met=took < limit and active >= RULES)
    _figure("decide_linearity", double / took, "ratio", f"<={LINEAR}", is_met=double / took <= LINEAR)
    return 0


def _figure(name: str, value: float, unit: str, target: str, *, is_met: bool) -> None:
    print(f"figure={name} value={value:.3f} unit={unit} target={target} met={'yes' if is_met else 'no'}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
