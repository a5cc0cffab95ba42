"""What a process that carries a small case on would load first; imported where such processes are forked from.

It calls nothing: a library that has threads does not work in a process that is forked from one in which they ran.
"""

import great_expectations  # noqa: F401
import openpyxl  # noqa: F401
import runner_process  # noqa: F401

import winddown.inspection.files
import winddown.inspection.sqlite
import winddown.stores.files.store
import winddown.stores.sql.sqlite_store  # noqa: F401
