"""The two questions a pipeline asks of a failure: may it be retried, and who must look?

``Refused``: a rule or a person says no; never retried. ``Residual``: something is still there; a person looks.
``Transient``: the world failed; retry. Nothing else is raised on purpose, and nothing is caught in order to be logged.

A message names what was refused, which value, which rule, and what to do next. It never carries personal data: a
value that came out of a customer's record may not enter an exception.
"""


class WinddownError(Exception):
    """Base of all failures raised on purpose.

    Args:
        message: what was refused or what happened, without personal data.
        rule: id of the rule, limit or design principle that says no.
        next_step: what the reader can do about it.
    """

    def __init__(self, message: str, *, rule: str = "", next_step: str = "") -> None:
        self.message = message
        self.rule = rule
        self.next_step = next_step
        parts = [message]
        if rule:
            parts.append(f"rule: {rule}")
        if next_step:
            parts.append(f"next: {next_step}")
        super().__init__(" | ".join(parts))


class Refused(WinddownError):  # noqa: N818 - the word is the outcome, and reads so in a log
    """A rule or a person says no. Never retried."""


class Residual(WinddownError):  # noqa: N818
    """Something that must be gone is still there, or an effect's outcome is unknown. A person looks."""


class Transient(WinddownError):  # noqa: N818
    """The world failed: a lost connection, a throttled call. Retried."""
