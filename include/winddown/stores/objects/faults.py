"""Turns an object service's errors into the product's three; keys of objects may name persons and stay out."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError

from winddown.domain.errors import Refused, Transient

_DENIED = {"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "NoSuchBucket", "403", "401"}
_SERVER_ERROR = 500


@contextmanager
def translated(store: str, doing: str) -> Iterator[None]:
    """Run calls to the service; raise Refused or Transient in place of the client's errors."""
    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", _SERVER_ERROR))
        if code in _DENIED:
            raise Refused(
                f"store {store} refused us while {doing} ({code})",
                rule="credentials",
                next_step="check the connection's keys, endpoint and bucket",
            ) from None
        if status >= _SERVER_ERROR or code in {"SlowDown", "Throttling", "RequestTimeout"}:
            raise Transient(f"store {store} is not available while {doing} ({code})") from None
        raise Refused(f"store {store} refused {doing} ({code})") from None
    except BotoCoreError as error:
        raise Transient(f"store {store} is not available while {doing} ({type(error).__name__})") from None
