"""The two clocks by which periods are counted."""

from datetime import UTC, datetime

from sqlalchemy import Engine, text


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Aware UTC."""
        return datetime.now(UTC)


class ControlClock:
    """The clock of the control database's server, one for all workers: periods must not depend on who looks."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def now(self) -> datetime:
        """Aware UTC."""
        with self._engine.connect() as connection:
            found: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
        return found.astimezone(UTC)
