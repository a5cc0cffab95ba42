"""Asks a catalogue of Iceberg tables by another path: a query, or the REST protocol's requests one by one.

The protocol is https://iceberg.apache.org/rest-catalog-spec/.
"""

import json
import urllib.request
from http.client import HTTPException
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from winddown.domain.errors import Transient

_SECONDS_MAX = 60
_LOCATED = text(
    "SELECT metadata_location FROM iceberg_tables"
    " WHERE catalog_name = :catalogue AND table_namespace || '.' || table_name = :name"
)


def location_of(url: str, name: str) -> str:
    """Where the metadata file of a table lies that counts; raises Transient where nobody tells."""
    found = _at_service(url, name) if url.startswith(("http://", "https://")) else _in_database(url, name)
    if not found:
        raise Transient("the inspector finds no table under the planned name in its catalogue")
    return found


def _in_database(url: str, name: str) -> str:
    address = make_url(url)
    catalogue = address.query.get("catalogue", "default")
    address = address.set(database=unquote(address.database or ""))  # Airflow quotes a file's folders
    engine = create_engine(address.difference_update_query(["catalogue"]), poolclass=NullPool, hide_parameters=True)
    try:
        with engine.connect() as connection:
            return str(connection.execute(_LOCATED, {"catalogue": catalogue, "name": name}).scalar() or "")
    except SQLAlchemyError as error:
        raise Transient(f"the inspector cannot ask the catalogue ({type(error).__name__})") from None


def _at_service(url: str, name: str) -> str:
    parts = urlsplit(url)
    told = dict(parse_qsl(parts.query))
    base = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], unquote(parts.path).rstrip("/"), "", ""))
    headers = {"Authorization": f"Bearer {told['token']}"} if "token" in told else {}
    if parts.username:
        asked = {
            "grant_type": "client_credentials",
            "client_id": unquote(parts.username),
            "client_secret": unquote(parts.password or ""),
            "scope": told.get("scope", "catalog"),
        }
        token = _answer(told.get("oauth2-server-uri", f"{base}/v1/oauth/tokens"), {}, urlencode(asked).encode())
        headers = {"Authorization": f"Bearer {token['access_token']}"}
    warehouse = f"?{urlencode({'warehouse': told['warehouse']})}" if "warehouse" in told else ""
    config = _answer(f"{base}/v1/config{warehouse}", headers)
    prefix = {**config.get("defaults", {}), **config.get("overrides", {})}.get("prefix", "")
    *folder, table = name.split(".")
    place = f"{base}/v1/{prefix}/".rstrip("/") if prefix else f"{base}/v1"
    inside = quote("\x1f".join(folder), safe="")
    found = _answer(f"{place}/namespaces/{inside}/tables/{quote(table, safe='')}", headers)
    return str(found.get("metadata-location", ""))


def _answer(url: str, headers: dict[str, str], body: bytes | None = None) -> dict[str, Any]:
    request = urllib.request.Request(url, data=body, headers=headers)  # noqa: S310 - http and https alone
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS_MAX) as answer:  # noqa: S310
            found: dict[str, Any] = json.load(answer)
    except (OSError, HTTPException, ValueError) as error:
        raise Transient(f"the inspector cannot ask the catalogue ({type(error).__name__})") from None
    return found
