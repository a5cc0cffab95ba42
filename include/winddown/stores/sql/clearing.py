"""What became of each step by which a database server is cleared of purged records."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy.exc import DBAPIError

Detail = tuple[str, str]


@dataclass(slots=True)
class Report:
    """What was done, what the administrator is to do, and what stays.

    Attributes:
        is_denied: whether a driver's error says that the account may not.
        never: what no account of a server could clear.
    """

    is_denied: Callable[[BaseException | None], bool]
    never: tuple[str, ...]
    done: list[Detail] = field(default_factory=list)
    tasks: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    @contextmanager
    def may(self, *statements: str, left: str) -> Iterator[None]:
        """Run a step; where the account may not, its statements become a task, and what stays is named."""
        try:
            yield
        except DBAPIError as error:
            if not self.is_denied(error.orig):
                raise
            self.tasks += statements
            self.left.append(left)

    def details(self) -> tuple[Detail, ...]:
        """As a receipt has them."""
        tasks = "; ".join(dict.fromkeys(self.tasks)) or "none"
        return (*self.done, ("tasks", tasks), ("not_reached", "; ".join([*dict.fromkeys(self.left), *self.never])))
