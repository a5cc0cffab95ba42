#!/usr/bin/env python3
"""Print a URL with a mounted secret in it: ``secret-url TEMPLATE NAME``.

``{}`` in the template becomes the content of ``/run/secrets/NAME``, percent-encoded. Airflow's ``…_CMD`` settings and
the entrypoint call it, so that a password stands in one file and in no configuration.
"""

import sys
from pathlib import Path
from urllib.parse import quote

FOLDER = Path("/run/secrets")


def filled(template: str, secret: str) -> str:
    """Return the template with the secret in it; ValueError when either lacks what it needs.

    >>> filled("redis://:{}@redis:6379/0", "a/b@c" + chr(10))
    'redis://:a%2Fb%40c@redis:6379/0'
    """
    if template.count("{}") != 1 or not secret.strip():
        raise ValueError("the template needs exactly one {}, and the secret may not be empty")
    return template.replace("{}", quote(secret.strip(), safe=""))


if __name__ == "__main__":
    sys.stdout.write(filled(sys.argv[1], (FOLDER / sys.argv[2]).read_text("utf-8")))
