"""Sets a paper as one HTML file with its style inside: no script, no picture and no font from elsewhere."""

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup


def html(paper: dict[str, Any]) -> bytes:
    """Return the page; every text of the paper is escaped, only the QR code that we drew is not."""
    environment = Environment(
        loader=PackageLoader("winddown.stages"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    template = environment.get_template("certificate.html")
    return template.render(p=paper, qr=Markup(paper["qr"])).encode()  # noqa: S704 - our own drawing
