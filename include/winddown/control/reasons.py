"""Reasons that people give in their own words. They stand in the ledger for good, so none of them may name a person.

What counts is what says by its own form what it is (``detectors.names``); a bare name cannot be told from other words.
"""

from winddown.domain.errors import Refused

WITHHELD = "reason withheld: it names a person"
"""Stands in the ledger in place of such a reason, where the act itself must not wait for a better one."""


def without_persons(reason: str) -> str:
    """The reason as it may be recorded; ``WITHHELD`` in place of one that names a person."""
    return WITHHELD if _names_a_person(reason) else reason.strip()


def require_reason(reason: str, *, refused: str, rule: str) -> str:
    """The reason as it may be recorded. ``refused`` says what is not done while there is none.

    Raises Refused when it is blank or names a person; the refusal does not repeat it.
    """
    if not reason.strip():
        raise Refused(f"{refused} without a reason", rule=rule, next_step="say why, in a few words")
    if _names_a_person(reason):
        raise Refused(
            f"{refused} with a reason that names a person, because the ledger keeps it for good",
            rule=rule,
            next_step="say it without numbers or addresses of persons",
        )
    return reason.strip()


def _names_a_person(reason: str) -> bool:
    from winddown.detectors.names import names_a_person, words_in  # noqa: PLC0415 - half a second, for each task

    # Whole as well, because a number may be written with spaces.
    return names_a_person([reason, *words_in(reason)])
