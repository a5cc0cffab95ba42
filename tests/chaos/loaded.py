"""What a process that carries a small case on would load first; imported where such processes are forked from.

It calls nothing that starts a thread: a library does not work in a process that is forked from one in which its threads
ran. What is called is remembered by the product itself for as long as a process lives.
"""

import great_expectations  # noqa: F401
import openpyxl  # noqa: F401
import runner_process  # noqa: F401

import winddown.inspection.files
import winddown.inspection.sqlite
import winddown.stores.files.store
import winddown.stores.sql.sqlite_store  # noqa: F401
from winddown.detectors.engine import Profiler
from winddown.program import code_version
from winddown.rules.loader import load_rulebook
from winddown.settings import load

code_version()
load_rulebook(load({}).rule_packs)
Profiler(["any"])
