"""The verifier as one page for a browser: no server, no network, nothing to install.

The page repeats the checks of ``verify.py`` in JavaScript, with the same verdicts and the same words. Its parts stand
in ``browser/``; here they become one file, whose content security policy allows exactly its own script and style, by
their digests, and no access to anything else.
"""

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import Final

PAGE_NAME: Final = "verify.html"
_SCRIPTS: Final = ("noble", "values", "sm2", "keys", "archive", "story", "verify", "page")
_FOLDER: Final = Path(__file__).with_name("browser")


@cache
def verifier_page() -> bytes:
    """Return the page; the same bytes each time."""
    licence = f"/*\n{_part('noble.LICENSE')}*/\n"
    script = '"use strict";\n' + licence + "\n".join(_part(f"{name}.js") for name in _SCRIPTS)
    style = _part("page.css")
    page = _part("page.html")
    for name, text in (
        ("script_digest", _digest(script)),
        ("style_digest", _digest(style)),
        ("style", style),
        ("script", script),
    ):
        page = page.replace(f"{{{{ {name} }}}}", text)
    return page.encode()


def _part(name: str) -> str:
    return (_FOLDER / name).read_text("utf-8")


def _digest(text: str) -> str:
    """How a content security policy names what stands between two tags."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
