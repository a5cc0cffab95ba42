"""Why a file cannot be read. Every reader raises this and nothing else, and never quotes what the file holds."""

from enum import StrEnum

from winddown.domain.errors import Refused


class Problem(StrEnum):
    """What is wrong with a file, as far as another person resolves it in another way."""

    BROKEN = "broken"  # it ends too early, or contradicts its own format
    ENCODING = "encoding"  # its characters cannot be told, or it mixes encodings
    LIMIT = "limit"  # reading it would need more memory or unpacking than any honest file does
    FIELDS = "fields"  # two fields have one name
    ARCHIVE = "archive"  # an archive inside an archive, an encrypted one, or one of files of several kinds
    CHANGED = "changed"  # somebody wrote it while it was read
    KEY = "key"  # it is encrypted with a key that its owner sends along with every request
    COLD = "cold"  # it lies in an archive class, from which it has to be brought back first


_NEXT_STEPS = {
    Problem.BROKEN: "repair or replace the file",
    Problem.ENCODING: "write the file again in UTF-8",
    Problem.LIMIT: "split the file, or decide outside the product what becomes of it",
    Problem.FIELDS: "give every field a name of its own",
    Problem.ARCHIVE: "unpack the archive beside it, then remove the archive",
    Problem.CHANGED: "stop what writes it, then run again",
    Problem.KEY: "copy it under a key of the service's",
    Problem.COLD: "bring it back from the archive class, then run again",
}


class Unreadable(Refused):
    """A file that cannot be read to its end; nothing of what was read before counts.

    Args:
        problem: which one.
        message: what was found, in words that hold for any file: no value, no name.
    """

    def __init__(self, problem: Problem, message: str) -> None:
        super().__init__(message, rule=f"unreadable: {problem}", next_step=_NEXT_STEPS[problem])
        self.problem = problem
