"""Compares digests of rows with what was planned of a batch, one after the other: there may be a million."""

from collections import Counter

import numpy as np

from winddown.domain.batch import CONTENT, Batch, raw_contents

_DIGEST = np.dtype("S32")


def as_planned(digests: bytearray, batch: Batch) -> int:
    """How many of these SHA-256 are contents of the batch's records, each of which counts once."""
    contents = b"".join(raw_contents(batch.keys.column(CONTENT)))
    if digests == contents:
        return batch.records  # one after the other, as they were planned
    found, planned = np.sort(np.frombuffer(digests, _DIGEST)), np.sort(np.frombuffer(contents, _DIGEST))
    if np.array_equal(found, planned):
        return len(planned)
    return (Counter(found.tolist()) & Counter(planned.tolist())).total()


def all_as_planned(digests: bytearray, batch: Batch) -> int:
    """The same, but none where there are more or fewer digests than records: then it is not what was set aside."""
    return as_planned(digests, batch) if len(digests) == batch.records * _DIGEST.itemsize else 0
