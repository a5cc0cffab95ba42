"""Headers of every answer: no script, no other site's frame, no copy in a cache.

The pages carry no script at all, so none is allowed. A certificate is one file with its style inside; it is served in
a sandbox of its own. The referrer stays within the site: with ``no-referrer`` a browser would send ``Origin: null``
with a form, and the check for the same origin would refuse the approver's own page.
"""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_EVERYWHERE = "base-uri 'none'; frame-ancestors 'self'"
PAGE_POLICY = f"default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; {_EVERYWHERE}"
DOCUMENT_POLICY = f"default-src 'none'; style-src 'unsafe-inline'; sandbox; {_EVERYWHERE}"

HEADERS = {
    "Content-Security-Policy": PAGE_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}


class SecurityHeaders:
    """Adds the headers that an answer does not set itself. Wraps the whole application, so errors have them too."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on, and complete the start of each HTTP answer."""

        async def complete(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, complete if scope["type"] == "http" else send)
