"""Sets a paper as one HTML file with its style inside: no script, no picture and no font from elsewhere."""

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from winddown.stages.papers.characters import printable


def html(paper: dict[str, Any]) -> bytes:
    """Return the page; every text of the paper is escaped, only the QR code that we drew is not."""
    qr = Markup(paper["qr"])  # noqa: S704 - our own drawing
    return _template().render(p=printable(paper), qr=qr).encode()


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("winddown.stages"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return environment.get_template("certificate.html")
