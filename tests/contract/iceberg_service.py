"""A catalogue's service: the part of the REST protocol that winddown uses, before a catalogue of ``pyiceberg``."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from pyiceberg.catalog import Catalog
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.table import CommitTableRequest

TOKEN = "a token"


class _Handler(BaseHTTPRequestHandler):
    catalogue: Catalog
    secret: str

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        parts = [unquote(part) for part in path.strip("/").split("/")]
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._answer(401, {"error": {"message": "who?", "type": "NotAuthorizedException", "code": 401}})
        elif parts == ["v1", "config"]:
            self._answer(200, {"defaults": {"prefix": "main"}, "overrides": {}})
        elif parts[2:] == ["namespaces"]:
            inner = "parent" in parse_qs(urlsplit(self.path).query)
            self._answer(
                200, {"namespaces": [] if inner else [list(each) for each in self.catalogue.list_namespaces()]}
            )
        elif parts[4:] == ["tables"]:
            names = self.catalogue.list_tables(parts[3])
            self._answer(200, {"identifiers": [{"namespace": [n[0]], "name": n[1]} for n in names]})
        else:
            self._answer(200, _loaded(self.catalogue, (parts[3], parts[5])))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        parts = [unquote(part) for part in urlsplit(self.path).path.strip("/").split("/")]
        if parts == ["v1", "oauth", "tokens"]:
            if parse_qs(body.decode())["client_secret"] == [self.secret]:
                self._answer(200, {"access_token": TOKEN, "token_type": "bearer"})
            else:
                self._answer(401, {"error": "invalid_client"})
            return
        request = CommitTableRequest.model_validate_json(body)
        table = self.catalogue.load_table((parts[3], parts[5]))
        try:
            self.catalogue.commit_table(table, request.requirements, request.updates)
        except CommitFailedException:
            self._answer(409, {"error": {"message": "late", "type": "CommitFailedException", "code": 409}})
            return
        self._answer(200, _loaded(self.catalogue, (parts[3], parts[5])))

    def _answer(self, status: int, found: dict[str, Any]) -> None:
        body = json.dumps(found).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(catalogue: Catalog, *, secret: str) -> Iterator[str]:
    """The URL of a service with one client, whose name is ``winddown``."""
    handler = type("Handler", (_Handler,), {"catalogue": catalogue, "secret": secret})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://winddown:{quote(secret)}@127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def _loaded(catalogue: Catalog, name: tuple[str, str]) -> dict[str, Any]:
    table = catalogue.load_table(name)
    return {"metadata-location": table.metadata_location, "metadata": json.loads(table.metadata.model_dump_json())}
