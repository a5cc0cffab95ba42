"""Addresses in a real database become an extract by city and region; then they go, and reads of what stays stop."""

from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest

from winddown.domain.pack import Rulebook
from winddown.domain.rule import RuleKind
from winddown.evidence.verify import verify
from winddown.rules.loader import load_rulebook

if TYPE_CHECKING:
    from tests.conftest import CompanyCase


@pytest.fixture
def _either(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rulebook in which a law names anonymising as the alternative."""
    book = load_rulebook(("cn",))
    rule = replace(book.rule("DEL-PIPL-47-2"), id="DEL-NDSR-24", kind=RuleKind.MUST_DELETE_OR_ANONYMISE)
    first = book.packs[0]
    pack = replace(first, rules=MappingProxyType({**first.rules, rule.id: rule}))
    monkeypatch.setattr("winddown.bootstrap.load_rulebook", lambda _: Rulebook((pack,)))


@pytest.mark.usefixtures("_either")
def test_addresses_are_made_anonymous_before_they_go(company_case: "Callable[..., CompanyCase]") -> None:
    company = company_case(customers=120)

    def ask(raw: dict[str, Any]) -> None:
        (entry,) = [found for found in raw["register"] if found["collection"] == "shop_db:shop.addresses"]
        entry["anonymise"] = {"fields": {"city": "first:2", "postcode": "region:2"}, "k": 5}

    company.edit(ask)
    with company.database() as connection:
        found = connection.execute("SELECT DISTINCT recipient, mobile, line FROM shop.addresses").fetchall()
    personal = {value for row in found for value in row if value}
    company.run_until("finished")
    (order,) = [row for document in company.certificates() for row in document["orders"] if row["act"] == "anonymise"]
    extract = order["extract"]
    assert extract["written"] + extract["suppressed"] == order["records"]
    assert min(extract["written"], extract["probes"]) > 0
    assert extract["smallest"] >= 5
    evidence = company.workspace / company.case_id / "evidence"
    path = evidence / "anonymous" / extract["file"]
    content = path.read_bytes()
    assert [value for value in personal if len(value) > 3 and value.encode() in content] == []
    with pq.ParquetFile(path) as file:
        assert file.schema_arrow.names == ["city", "postcode"]
        assert file.metadata.num_rows == extract["written"]
    policy = (evidence / "winddown.pub").read_text()
    assert verify((evidence / f"{company.case_id}-bundle.zip").read_bytes(), policy).reasons == []
    assert company.compare().is_clean
