"""A witness over HTTP, as C2SP tlog-witness has it: ``POST /add-checkpoint`` and ``GET /<origin hash>/checkpoint``.

Requests are judged by the log's signature alone; nobody logs in. Put a proxy with TLS in front.
"""

import re
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from winddown.evidence.witness import REQUEST_BYTES_MAX, Answer, Witness

_READING: Final = re.compile(r"/([0-9a-f]{64})/checkpoint")
_CONFLICT: Final = 409
_SECONDS_MAX: Final = 30


def server(witness: Witness, host: str, port: int) -> ThreadingHTTPServer:
    """Return a server that is bound and not yet running; port 0 for a free one."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = _SECONDS_MAX

        def do_POST(self) -> None:
            length = self.headers.get("Content-Length", "")
            if self.path != "/add-checkpoint":
                self._say(Answer(404, "nothing is here\n"))
            elif not re.fullmatch(r"[0-9]{1,7}", length) or int(length) > REQUEST_BYTES_MAX:
                self._say(Answer(400, "the request has no length, or is too long\n"))
            else:
                self._say(witness.add_checkpoint(self.rfile.read(int(length)), at=int(time.time())))

        def do_GET(self) -> None:
            match = _READING.fullmatch(self.path)
            note = witness.latest(match[1]) if match else None
            self._say(Answer(200, note.decode()) if note else Answer(404, "no checkpoint of such a log was seen\n"))

        def _say(self, answer: Answer) -> None:
            content = answer.text.encode()
            self.send_response(answer.status)
            kind = "text/x.tlog.size" if answer.status == _CONFLICT else "text/plain; charset=utf-8"
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            # An unread body would be taken for the next request.
            self.send_header("Connection", "close")
            self.close_connection = True
            self.end_headers()
            self.wfile.write(content)

    return ThreadingHTTPServer((host, port), Handler)
