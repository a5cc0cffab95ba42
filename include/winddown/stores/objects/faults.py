"""Turns an object service's errors into the product's three; keys of objects may name persons and stay out."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError

from winddown.domain.errors import Refused, Transient

_DENIED = {"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "NoSuchBucket", "403", "401"}
PASSING_CODES = {"SlowDown", "Throttling", "RequestTimeout", "InternalError", "ServiceUnavailable", "503", "500"}
OVERTAKEN_CODES = {"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey", "412", "409", "404"}
"""What a conditional request is refused with when somebody else was quicker: wrote, or removed."""
UNKNOWN_CODES = {"NotImplemented", "MethodNotAllowed"}
"""What a service answers that does not have what was asked of it, however often it is asked."""
_SERVER_ERROR = 500


def is_passing(error: ClientError | BotoCoreError) -> bool:
    """Whether the same request may succeed later: the service was busy, broken or out of reach."""
    if not isinstance(error, ClientError):
        return True
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", _SERVER_ERROR))
    is_final = code_of(error) in _DENIED | UNKNOWN_CODES
    return not is_final and (status >= _SERVER_ERROR or code_of(error) in PASSING_CODES)


def code_of(error: ClientError) -> str:
    """The service's word for it, "" for none."""
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def translated(store: str, doing: str) -> Iterator[None]:
    """Run calls to the service; raise Refused or Transient in place of the client's errors."""
    try:
        yield
    except ClientError as error:
        if code_of(error) in _DENIED:
            raise Refused(
                f"store {store} refused us while {doing} ({code_of(error)})",
                rule="credentials",
                next_step="check the connection's keys, endpoint and bucket",
            ) from None
        if is_passing(error):
            raise Transient(f"store {store} is not available while {doing} ({code_of(error)})") from None
        raise Refused(f"store {store} refused {doing} ({code_of(error)})") from None
    except BotoCoreError as error:
        raise Transient(f"store {store} is not available while {doing} ({type(error).__name__})") from None
