"""Talks to the demo's S3 service: one client, one versioned bucket, uploads on a few threads."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from winddown.demo.servers import S3Address
from winddown.domain.errors import Refused

BUCKET = "huadong-shop"
REGION = "cn-shanghai"
THREADS = 4
MOST_WAITING = 64


@dataclass(frozen=True, slots=True)
class Upload:
    """One object: its key, its contents from the oldest version to the current one, and its media type."""

    key: str
    versions: tuple[bytes, ...] = field(repr=False)
    media_type: str


def connect(s3: S3Address) -> Any:
    """Return a boto3 S3 client for an address, with paths instead of host names for buckets."""
    return boto3.client(
        "s3",
        endpoint_url=s3.endpoint_url,
        aws_access_key_id=s3.access_key,
        aws_secret_access_key=s3.secret_key,
        region_name=REGION,
        config=Config(s3={"addressing_style": "path"}, max_pool_connections=2 * THREADS),
    )


def create_bucket(client: Any) -> None:
    """Create the company's bucket with versioning on.

    Raises:
        Refused: the bucket exists.
    """
    try:
        client.head_bucket(Bucket=BUCKET)
    except ClientError:
        client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        return
    raise Refused(f"the bucket {BUCKET} exists already", next_step="stop the embedded S3 service to empty it")


class Uploader:
    """Uploads objects on a few threads, the versions of one object in order; leaving the context waits for all.

    At most 64 objects wait in memory. The first failed upload is raised by a later call or on leaving.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self._pool = ThreadPoolExecutor(THREADS)
        self._waiting: deque[Future[None]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=error is not None)
        if error is None:
            for future in self._waiting:
                future.result()

    def put(self, upload: Upload) -> None:
        """Queue one object."""
        self._waiting.append(self._pool.submit(self._send, upload))
        if len(self._waiting) > MOST_WAITING:
            self._waiting.popleft().result()

    def _send(self, upload: Upload) -> None:
        for content in upload.versions:
            self._client.put_object(Bucket=BUCKET, Key=upload.key, Body=content, ContentType=upload.media_type)


Put = Callable[[Upload], None]
