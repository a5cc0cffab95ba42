"""S3 clients of services that behave unlike the embedded one: well or badly."""

from collections.abc import Callable
from typing import Any

from botocore.exceptions import EndpointConnectionError


class Interrupted:
    """Somebody else writes just before our first change."""

    def __init__(self, client: Any, writer: Callable[[], None]) -> None:
        self._client, self._writer = client, writer

    def put_object(self, **request: Any) -> Any:
        self._come()
        return self._client.put_object(**request)

    def delete_objects(self, **request: Any) -> Any:
        self._come()
        return self._client.delete_objects(**request)

    def _come(self) -> None:
        writer, self._writer = self._writer, lambda: None
        writer()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


class Incomplete:
    """Deletes the first ``deletes`` objects of a request (all but one when negative), then says something.

    One that says nothing does nothing more after that.
    """

    def __init__(self, client: Any, *, deletes: int, says: str) -> None:
        self._client, self._deletes, self._says = client, deletes, says

    def delete_objects(self, **request: Any) -> Any:
        objects = request["Delete"]["Objects"]
        kept = objects[self._deletes :]
        request["Delete"] = request["Delete"] | {"Objects": objects[: self._deletes]}
        answer = self._client.delete_objects(**request) if request["Delete"]["Objects"] else {}
        if self._says == "nothing":
            self._deletes = 0
            raise EndpointConnectionError(endpoint_url="http://service")
        if self._says == "error":
            answer["Errors"] = [{**found, "Code": "AccessDenied"} for found in kept]
        return answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


class Privileged:
    """Writes as a user that the bucket's policy lets through; the embedded service knows no users."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def put_object(self, **request: Any) -> Any:
        return self._past_the_policy(self._client.put_object, request)

    def delete_objects(self, **request: Any) -> Any:
        return self._past_the_policy(self._client.delete_objects, request)

    def _past_the_policy(self, call: Callable[..., Any], request: dict[str, Any]) -> Any:
        policy = self._client.get_bucket_policy(Bucket=request["Bucket"])["Policy"]
        self._client.delete_bucket_policy(Bucket=request["Bucket"])
        try:
            return call(**request)
        finally:
            self._client.put_bucket_policy(Bucket=request["Bucket"], Policy=policy)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)
