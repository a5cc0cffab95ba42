"""S3 clients of services that behave unlike the embedded one: well or badly."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from threading import Lock
from types import SimpleNamespace
from typing import Any, cast

from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    IncompleteReadError,
    ReadTimeoutError,
)

from winddown.stores.objects.abilities import PROBE


class Interrupted:
    """Somebody else writes just before our first change, trials apart."""

    def __init__(self, client: Any, writer: Callable[[], None]) -> None:
        self._client, self._writer = client, writer

    def put_object(self, **request: Any) -> Any:
        if not request["Key"].startswith(PROBE):
            self._come()
        return self._client.put_object(**request)

    def delete_object(self, **request: Any) -> Any:
        if not request["Key"].startswith(PROBE):
            self._come()
        return self._client.delete_object(**request)

    def delete_objects(self, **request: Any) -> Any:
        self._come()
        return self._client.delete_objects(**request)

    def _come(self) -> None:
        writer, self._writer = self._writer, lambda: None
        writer()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


class Forgetful:
    """Forgets what lies below a version that is taken away: it is listed and does not show, as on OpenStack Swift."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._forgotten: set[str] = set()

    def delete_object(self, **request: Any) -> Any:
        if "VersionId" in request:
            self._forgotten.add(request["Key"])
        return self._client.delete_object(**request)

    def head_object(self, **request: Any) -> Any:
        if request["Key"] in self._forgotten and "VersionId" not in request:
            answer = {"Error": {"Code": "404"}, "ResponseMetadata": {"HTTPStatusCode": 404}}
            raise ClientError(cast(Any, answer), "HeadObject")
        return self._client.head_object(**request)

    def get_paginator(self, name: str) -> Any:
        paginator = self._client.get_paginator(name)
        if name != "list_object_versions":
            return paginator
        return SimpleNamespace(paginate=lambda **request: map(self._page, paginator.paginate(**request)))

    def _page(self, page: Any) -> Any:
        for found in page.get("Versions", ()):
            found["IsLatest"] = found["IsLatest"] and found["Key"] not in self._forgotten
        return page

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


class Unconditional:
    """Ignores every condition on a change."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        if name not in {"put_object", "delete_object", "complete_multipart_upload"}:
            return found
        return lambda **request: found(**{k: v for k, v in request.items() if k not in {"IfMatch", "IfNoneMatch"}})


class Modest:
    """Knows no versions, policies, tags or grants, as rclone's service, Garage and others; obeys conditions."""

    lacking = (
        "list_object_versions", "get_bucket_versioning", "get_bucket_policy", "put_bucket_policy",
        "delete_bucket_policy", "get_object_tagging", "get_object_acl", "get_bucket_lifecycle_configuration",
        "get_object_lock_configuration",
    )  # fmt: skip

    def __init__(self, client: Any) -> None:
        self._client = client

    def get_paginator(self, name: str) -> Any:
        if name not in self.lacking:
            return self._client.get_paginator(name)
        return SimpleNamespace(paginate=lambda **_: iter((self._refuse(name),)))

    def __getattr__(self, name: str) -> Any:
        return (lambda **_: self._refuse(name)) if name in self.lacking else getattr(self._client, name)

    def _refuse(self, name: str) -> None:
        said = {"HTTPStatusCode": 501}
        raise ClientError({"Error": {"Code": "NotImplemented"}, "ResponseMetadata": cast(Any, said)}, name)


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
        self._alone = Lock()  # the store sends some requests side by side

    def _past_the_policy(self, call: Callable[..., Any], request: dict[str, Any]) -> Any:
        with self._alone:
            try:
                policy = self._client.get_bucket_policy(Bucket=request["Bucket"])["Policy"]
            except ClientError:
                return call(**request)
            self._client.delete_bucket_policy(Bucket=request["Bucket"])
            try:
                return call(**request)
            finally:
                self._client.put_bucket_policy(Bucket=request["Bucket"], Policy=policy)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        if not name.startswith(("put_object", "delete_object", "upload_", "create_", "complete_", "abort_")):
            return found
        return lambda **request: self._past_the_policy(found, request)


FAULTS = ("lost answer", "500", "503", "reset", "partial", "stale", "torn body")
_LOST: dict[str, Any] = {"endpoint_url": "http://service"}


class Faulty:
    """Fails now and then, by a seed: what it did is done or not, and the answer tells or does not.

    ``lost answer`` times out after success; ``500`` and ``503`` do nothing; ``reset`` breaks off before; ``partial``
    deletes half of what was asked for, and says SlowDown for the rest; ``stale`` lists what was there before the last
    change; ``torn body`` ends a read too early.
    """

    def __init__(self, client: Any, seed: int, *, rate: float) -> None:
        self._client, self._random, self._rate = client, random.Random(seed), rate  # noqa: S311 - no secret
        self._listed: dict[str, list[Any]] = {}
        self.met: Counter[str] = Counter()

    def put_object(self, **request: Any) -> Any:
        return self._effect(self._client.put_object, request, "PutObject")

    def delete_object(self, **request: Any) -> Any:
        return self._effect(self._client.delete_object, request, "DeleteObject")

    def delete_objects(self, **request: Any) -> Any:
        objects = request["Delete"]["Objects"]
        if not self._strikes("partial"):
            return self._effect(self._client.delete_objects, request, "DeleteObjects")
        half = len(objects) // 2
        answer = {}
        if half:
            answer = self._client.delete_objects(
                **request | {"Delete": request["Delete"] | {"Objects": objects[:half]}}
            )
        refused = [{**found, "Code": "SlowDown", "Message": "busy"} for found in objects[half:]]
        return {**answer, "Errors": [*answer.get("Errors", ()), *refused]}

    def get_object(self, **request: Any) -> Any:
        self._fail_before("GetObject")
        answer = self._client.get_object(**request)
        if self._strikes("torn body"):
            answer["Body"] = Torn(answer["Body"])
        return answer

    def head_object(self, **request: Any) -> Any:
        self._fail_before("HeadObject")
        return self._client.head_object(**request)

    def get_paginator(self, name: str) -> Any:
        return SimpleNamespace(paginate=lambda **request: self._pages(name, request))

    def _pages(self, name: str, request: dict[str, Any]) -> Iterator[Any]:
        self._fail_before(name)
        known = self._listed.get(name)
        if known is not None and self._strikes("stale"):
            return iter(known)
        pages = list(self._client.get_paginator(name).paginate(**request))
        self._listed[name] = pages
        return iter(pages)

    def _effect(self, call: Callable[..., Any], request: dict[str, Any], name: str) -> Any:
        self._fail_before(name)
        answer = call(**request)
        if self._strikes("lost answer"):
            raise ReadTimeoutError(**_LOST)
        return answer

    def _fail_before(self, name: str) -> None:
        if self._strikes("reset"):
            raise ConnectionClosedError(**_LOST)
        for status, code in ((500, "InternalError"), (503, "SlowDown")):
            if self._strikes(str(status)):
                said = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
                raise ClientError(cast("Any", said), name)

    def _strikes(self, fault: str) -> bool:
        strikes = self._random.random() < self._rate
        self.met[fault] += strikes
        return strikes

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


class Torn:
    """A body whose connection breaks after the first bytes."""

    def __init__(self, body: Any) -> None:
        self._body = body

    def read(self, *_: Any) -> bytes:
        self._body.close()
        raise IncompleteReadError(actual_bytes=1, expected_bytes=2)

    def iter_chunks(self, _size: int) -> Iterator[bytes]:
        yield self.read()
