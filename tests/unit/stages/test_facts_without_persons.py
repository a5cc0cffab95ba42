"""Facts of a store are words for people to read; none of them names a customer."""

from winddown.domain.inventory import Fact
from winddown.stages.discover import _without_personal_words


def test_a_fact_whose_words_name_a_person_is_withheld_and_counted() -> None:
    kept = Fact("shop:a.orders", "readers", "clerk, report")
    found = _without_personal_words(
        [kept, Fact("shop:a.u_13800000000", "owner", "app"), Fact("shop:a.b", "partitions", "2: p_13800000001, rest")]
    )
    assert found == [kept, Fact("shop", "withheld", "2 facts that name a person")]
