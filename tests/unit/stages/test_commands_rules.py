"""What the command line prints of reasons and rules: in one language or both, and never a record."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from winddown import __main__ as command_line
from winddown.stages.deployment import Deployment

from .decided_case import CASE, CUSTOMERS, ORDERS, decide_shop

PROMISES = str(Path(__file__).parents[3] / "docs" / "packs" / "promises")
Run = Callable[..., str]


def no_deployment() -> Deployment:
    raise AssertionError("rules are listed without opening anything")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run one command and return what it printed; without a deployment, none may be built."""

    def command(*words: str, deployment: Deployment | None = None, status: int = 0) -> str:
        monkeypatch.setattr(command_line, "deploy", no_deployment if deployment is None else lambda: deployment)
        assert command_line.main(list(words)) == status
        printed = capsys.readouterr()
        return printed.out + printed.err

    return command


@pytest.fixture
def decided(
    deployment: Deployment, write_case: Callable[[Any], Path], case_document: dict[str, Any], shop: Any
) -> Deployment:
    decide_shop(deployment, write_case, case_document, shop)
    return deployment


# -- explain -----------------------------------------------------------------------------------------------------------


def test_both_languages_unless_one_is_asked_for(run: Run, decided: Deployment) -> None:
    both = run("explain", CASE, "shop:orders", deployment=decided)
    zh = run("explain", CASE, "shop:orders", "--lang", "zh", deployment=decided)
    en = run("explain", CASE, "shop:orders", "--lang", "en", deployment=decided)
    assert "仅存储 storage only" in both
    assert "仅存储" in zh
    assert "storage only" not in zh
    assert "storage only" in en
    assert "仅存储" not in en
    assert all("应当保存10年" in text for text in (both, zh, en))  # the law's own words in any case


def test_winners_losers_and_what_breaking_them_costs_are_printed(run: Run, decided: Deployment) -> None:
    text = run("explain", CASE, "shop:orders", "--lang", "en", deployment=decided)
    block = text.partition("[customer/2025]")[2].partition("\n\n")[0]
    assert "+ RET-ACC-VOUCHER-30Y" in block
    assert "- RET-TAX-10Y" in block
    assert "· DEL-CHILD-23" in block
    assert "P3: a minimum set by law" in block
    assert "breaking it: 个人信息保护法第六十六条" in block
    assert "kept fields: amount, order_no, ordered_on, until 2055-12-31" in block
    assert "decided today, the same" in block


def test_one_record_shows_its_label_and_no_value_of_anything(run: Run, decided: Deployment) -> None:
    text = run("explain", CASE, "shop:orders", "--record", "order_no=O-2", "--lang", "en", deployment=decided)
    assert "[minor/2025]" in text
    assert "RET-ACC-VOUCHER-30Y, RET-TAX-10Y" in text
    assert "[customer/2025]" not in text
    values = [str(cell) for rows in (CUSTOMERS, ORDERS) for cells in rows.values() for cell in cells]
    assert not [value for value in values if len(value) > 2 and value in text]


def test_an_unknown_record_is_refused_without_its_key(run: Run, decided: Deployment) -> None:
    text = run("explain", CASE, "shop:orders", "--record", "order_no=O-secret", deployment=decided, status=2)
    assert "no record of shop:orders" in text
    assert "secret" not in text


# -- rules -------------------------------------------------------------------------------------------------------------


def test_rules_are_listed_and_shown_without_a_deployment(run: Run) -> None:
    assert "RET-TAX-10Y\tmin_retention\tP10Y from not_stated_in_text\tadmin_regulation\tverified" in run(
        "rules", "list"
    )
    shown = run("rules", "show", "RET-TAX-10Y", "--lang", "en")
    assert "an officer may accept: day_after_fiscal_year_end" in shown
    assert "应当保存10年" in shown


def test_a_rule_of_a_pack_that_is_not_loaded_is_shown_when_its_pack_is_named(run: Run) -> None:
    assert "no rule" in run("rules", "show", "PROMISE-NOTICE-2Y", status=2)
    assert "自您最后一次下单之日起满两年" in run("rules", "show", "PROMISE-NOTICE-2Y", "--packs", f"cn,{PROMISES}")


def test_two_books_are_compared_without_a_case(run: Run) -> None:
    assert "added PROMISE-NOTICE-2Y" in run("rules", "diff", "cn", f"cn,{PROMISES}")
    assert "0 rules differ" in run("rules", "diff", "cn", "cn")


def test_two_books_are_compared_on_a_case(run: Run, decided: Deployment, tmp_path: Path) -> None:
    folder = Path(command_line.__file__).parent / "rules" / "cn"
    (tmp_path / "cn").mkdir()
    for path in (path for path in folder.rglob("*.yaml")):
        target = tmp_path / "cn" / path.relative_to(folder)
        target.parent.mkdir(exist_ok=True)
        target.write_text(path.read_text("utf-8").replace("period: P30Y", "period: P15Y"), "utf-8")
    text = run("rules", "diff", "cn", str(tmp_path / "cn"), "--case", CASE, deployment=decided)
    assert "period: P30Y → P15Y" in text
    assert "4 of 10 records are decided otherwise" in text
    assert "shop:orders: 3 from store_only until 2055-12-31 to store_only until 2040-12-31\n    by RET-ACC" in text


def test_what_is_due_for_review_is_printed(run: Run, decided: Deployment) -> None:
    text = run("rules", "review", deployment=decided)
    assert "pending-change PEND-TCAL" in text
    assert "would change RET-TAX-10Y" in text
