"""Recognisers, the columnar engine that runs them over every cell, and the judgement of a column."""

from winddown.detectors.engine import Profiler
from winddown.detectors.kind import Kind, Proof
from winddown.detectors.kinds import ALL, BY_ID
from winddown.detectors.profile import ColumnProfile
from winddown.detectors.verdict import ColumnVerdict, judge
from winddown.detectors.weigh import Status

__all__ = ["ALL", "BY_ID", "ColumnProfile", "ColumnVerdict", "Kind", "Profiler", "Proof", "Status", "judge"]
