"""The demonstration's S3 service as a process of its own: moto's S3 alone, made quick enough for a company's objects.

To mark the latest versions of a listing, moto marks copies of all objects of the bucket, contents included; here the
copies come without contents, which a listing does not show. It reads each time anew from text for each line of each
listing; here it remembers them. It leaves out the first version behind a marker that is a key alone; here it does not.
Asked for an object's retention, it hands out the object; here it answers. Asked who may use an object that came in
parts, it fails; here that is its owner. It looks through all of its services with each request; here it serves one.
And no access log is written: nobody reads it, and object keys name customers.
"""

import argparse
import io
import signal
import sys
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from moto.core import serialize
from moto.core.utils import unix_time_millis
from moto.moto_server.werkzeug_app import MotoRequestHandler, create_backend_app
from moto.s3.models import FakeKey, S3Backend, get_canned_acl
from moto.s3.responses import S3Response
from werkzeug.serving import run_simple


def _without_content(found: FakeKey, _memo: object) -> FakeKey:
    twin = object.__new__(FakeKey)
    twin.__dict__.update(found.__dict__, _value_buffer=io.BytesIO(), multipart=None, disposed=True)
    return twin


def _behind_a_key(list_versions: Callable[..., Any]) -> Callable[..., Any]:
    """List from the first version behind a key, by naming the last one that is not."""

    def listed(backend: S3Backend, bucket_name: str, key_marker: str | None = None, **more: Any) -> Any:
        if key_marker and not more.get("version_id_marker") and not more.get("delimiter"):
            every = (found for _, versions in backend.get_bucket(bucket_name).keys.iterlists() for found in versions)
            before = [found for found in every if found.name <= key_marker]
            last = max(before, key=lambda found: (found.name, -unix_time_millis(found.last_modified)), default=None)
            key_marker = None if last is None else last.name
            more["version_id_marker"] = None if last is None else last.version_id
        return list_versions(backend, bucket_name, key_marker=key_marker, **more)

    return listed


def _with_retention(answer: Callable[..., Any]) -> Callable[..., Any]:
    """Answer for an object's retention, where moto would hand out the object."""

    def answered(response: S3Response, query: dict[str, Any], key_name: str) -> Any:
        if "retention" not in query:
            return answer(response, query, key_name)
        key, _ = response._get_key()  # noqa: SLF001 - moto has no other way to it
        if not key.lock_mode:
            return 404, {}, "<Error><Code>NoSuchObjectLockConfiguration</Code></Error>"
        until = f"<RetainUntilDate>{key.lock_until}</RetainUntilDate>"
        return 200, {}, f"<Retention><Mode>{key.lock_mode}</Mode>{until}</Retention>"

    return answered


def _acl_of(_: S3Backend, key: FakeKey) -> Any:
    return key.acl or get_canned_acl("private")


def _application() -> Callable[[Any, Any], Any]:
    objects, control = create_backend_app("s3"), create_backend_app("moto_api")

    def serve(environ: Any, start: Any) -> Any:
        return (control if environ["PATH_INFO"].startswith("/moto-api/") else objects)(environ, start)

    return serve


class _Silent(MotoRequestHandler):  # type: ignore[misc]  # it comes without types
    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - werkzeug's name
        """Write nothing."""


def main() -> None:
    """Serve on the address that the command line names until the process is told to end."""
    parser = argparse.ArgumentParser()
    parser.add_argument("-H", "--host", required=True)
    parser.add_argument("-p", "--port", type=int, required=True)
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    FakeKey.__deepcopy__ = _without_content
    S3Response._key_response_get = _with_retention(S3Response._key_response_get)  # noqa: SLF001
    S3Backend.list_object_versions = _behind_a_key(S3Backend.list_object_versions)
    S3Backend.get_object_acl = _acl_of
    serialize.parse_to_aware_datetime = lru_cache(100_000)(serialize.parse_to_aware_datetime)
    run_simple(chosen.host, chosen.port, _application(), threaded=True, request_handler=_Silent)


if __name__ == "__main__":
    main()
