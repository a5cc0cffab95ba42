"""One behavioural suite for every store; an adapter's own module only builds a small collection on it."""

import pytest

pytest.register_assert_rewrite(*(f"{__name__}.{module}" for module in ("suite", "ability_suites", "subject")))
