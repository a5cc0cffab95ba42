"""The demonstration's S3 service as a process of its own: moto's S3 alone, made quick enough for a company's objects.

To mark the latest versions of a listing, moto marks copies of all objects of the bucket, contents included; here the
copies come without contents, which a listing does not show. It reads each time anew from text for each line of each
listing; here it remembers them. It looks through all of its services with each request; here it serves one. And no
access log is written: nobody reads it, and object keys name customers.
"""

import argparse
import io
import signal
import sys
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from moto.core import serialize
from moto.moto_server.werkzeug_app import MotoRequestHandler, create_backend_app
from moto.s3.models import FakeKey
from werkzeug.serving import run_simple


def _without_content(found: FakeKey, _memo: object) -> FakeKey:
    twin = object.__new__(FakeKey)
    twin.__dict__.update(found.__dict__, _value_buffer=io.BytesIO(), multipart=None, disposed=True)
    return twin


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
    serialize.parse_to_aware_datetime = lru_cache(100_000)(serialize.parse_to_aware_datetime)
    run_simple(chosen.host, chosen.port, _application(), threaded=True, request_handler=_Silent)


if __name__ == "__main__":
    main()
