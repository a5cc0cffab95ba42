"""Accuracy on values that Faker's authors shaped: a small version of ``bench/accuracy.py``."""

import sys
from pathlib import Path

import pytest

pytest.importorskip("faker", reason="the development requirements are not installed")

BENCH = Path(__file__).parents[3] / "bench"


def test_columns_of_china_and_america_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mimesis", reason="the development requirements are not installed")
    monkeypatch.setattr(sys, "path", [str(BENCH), *sys.path])
    import accuracy  # noqa: PLC0415 - the folder of benchmarks is no package
    import labelled_faker  # noqa: PLC0415 - the same

    outcomes = accuracy.score(labelled_faker.small(120))
    for way, precision, recall in ((accuracy.NAMED, 0.95, 0.95), (accuracy.OPAQUE, 0.95, 0.9)):
        whole = outcomes[way].whole[accuracy.LEARNT]
        assert whole.found >= 30, way
        assert whole.precision >= precision, outcomes[way].misses
        assert whole.recall >= recall, outcomes[way].misses
