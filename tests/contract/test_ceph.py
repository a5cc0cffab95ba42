"""The same behaviour on Ceph RGW, which enforces what the embedded service only pretends."""

import json
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from winddown.demo.bucket import connect
from winddown.domain.authorization import Power

from .desk import Desk
from .rgw_server import DAY_SECONDS, KMS_KEY, Gateway
from .s3_subject import BucketSubject, CsvFiles, ParquetFiles, WholeObjects
from .suite import EffectSuite, ReadingSuite, ReturnSuite, StoreSuite
from .test_s3 import TestHistories as TestHistories  # the same tests, on this file's service
from .test_s3 import subject as subject

QUARANTINE, RESTORE, PURGE = Power.QUARANTINE, Power.RESTORE, Power.PURGE


@pytest.fixture(scope="module")
def client(gateway: Gateway) -> Iterator[Any]:
    with closing(connect(gateway.address)) as found:
        yield found


@pytest.mark.parametrize("subject", [CsvFiles], indirect=True)
class TestRows(ReadingSuite, EffectSuite):
    pass


@pytest.mark.parametrize("subject", [WholeObjects], indirect=True)
class TestWhole(StoreSuite, ReturnSuite):
    pass
