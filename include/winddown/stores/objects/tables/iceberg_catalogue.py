"""A catalogue of Iceberg tables behind a connection's URL, by the library ``pyiceberg``.

``https://client:secret@host/path?warehouse=…`` is a REST catalogue, any SQLAlchemy URL a database with the table
``iceberg_tables``; ``catalogue=…`` in it is the name under which that keeps its tables, ``default`` without it. What
lies in the bucket is read and written by the store's own client, whatever a catalogue or a table says about it.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from urllib.parse import parse_qsl, unquote, urlsplit, urlunsplit

from pyiceberg.catalog import MetastoreCatalog
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.catalog.sql import IcebergTables, SqlCatalog
from pyiceberg.exceptions import (
    AuthorizationExpiredError,
    BadRequestError,
    ForbiddenError,
    NoSuchTableError,
    OAuthError,
    RESTError,
    UnauthorizedError,
)
from pyiceberg.io import FileIO
from pyiceberg.serializers import FromInputFile
from pyiceberg.table import Table
from pyiceberg.typedef import EMPTY_DICT, Identifier, Properties
from sqlalchemy import URL, create_engine, make_url, select
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from winddown.domain.errors import Refused, Transient
from winddown.domain.plan import OrderId
from winddown.stores.objects.formats.problem import Problem, Unreadable
from winddown.stores.objects.tables.catalogue import Registered, Survivors
from winddown.stores.objects.tables.iceberg_commit import Commit
from winddown.stores.objects.tables.iceberg_io import ClientIO

_NAME, _DEFAULT = "catalogue", "default"
_LOOKS = 5  # at metadata that go while they are read
_DENIED = (UnauthorizedError, ForbiddenError, OAuthError, AuthorizationExpiredError, BadRequestError)


class _InDatabase(SqlCatalog):
    """Tables by their names in a database; nothing is made there."""

    def __init__(self, name: str, url: URL, files: FileIO) -> None:
        MetastoreCatalog.__init__(self, name, init_catalog_tables="false")  # the library's own would pool connections
        self.engine = create_engine(url, poolclass=NullPool, hide_parameters=True)
        self._files = files
        self._init_catalog()

    def locations(self) -> Iterator[tuple[Identifier, str]]:
        """Every table and its metadata file."""
        wanted = select(IcebergTables.table_namespace, IcebergTables.table_name, IcebergTables.metadata_location)
        wanted = wanted.where(IcebergTables.catalog_name == self.name)
        is_table = self._iceberg_type_filter()  # and no view
        with Session(self.engine) as session:
            for folder, name, location in session.execute(wanted if is_table is None else wanted.where(is_table)):
                if location:
                    yield (*folder.split("."), name), location

    def _load_file_io(self, properties: Properties = EMPTY_DICT, location: str | None = None) -> FileIO:  # noqa: ARG002
        return self._files

    def _convert_orm_to_iceberg(self, orm_table: IcebergTables) -> Table:
        location = str(orm_table.metadata_location)
        name = (*orm_table.table_namespace.split("."), orm_table.table_name)
        metadata = FromInputFile.table_metadata(self._files.new_input(location))
        return Table(name, metadata=metadata, metadata_location=location, io=self._files, catalog=self)


class _AtService(RestCatalog):
    """Tables by their names at a service, which writes metadata files itself."""

    def __init__(self, name: str, files: FileIO, **properties: str) -> None:
        self._files = files
        super().__init__(name, **properties)
        self._found: list[tuple[Identifier, str]] = []

    def locations(self) -> Iterator[tuple[Identifier, str]]:
        """Every table and its metadata file, as it was when it was first asked for."""
        if not self._found:
            self._found = [(name, self.load_table(name).metadata_location) for name in self._names(())]
        return iter(self._found)

    def _names(self, folder: Identifier) -> Iterator[Identifier]:
        for inner in self.list_namespaces(folder):
            yield from self.list_tables(inner)
            yield from self._names(inner)

    def _load_file_io(self, properties: Properties = EMPTY_DICT, location: str | None = None) -> FileIO:  # noqa: ARG002
        return self._files


class PyIcebergCatalogue:
    """A catalogue, and the files of its tables in one bucket.

    Raises Refused and Transient in place of the library's errors, without what these quote.
    """

    def __init__(self, url: str, files: ClientIO) -> None:
        self._files = files
        with _translated("opening"):
            self._inner = _opened(url, files)

    def find(self, is_inside: Callable[[str], bool]) -> list[Registered]:
        """Every table whose metadata file lies where ``is_inside`` says."""
        found = []
        with _translated("asking for tables"):
            for name, location in self._inner.locations():
                if is_inside(location):
                    table = self._loaded(name)
                    self._files.resemble(table.metadata_location)
                    found.append(
                        Registered(".".join(name), str(table.metadata.table_uuid), table.metadata_location, table)
                    )
        return found

    def take_out(
        self, found: Registered, leaving: Mapping[str, Survivors | None], *, aside: str, mark: str, order: OrderId
    ) -> bool:
        """Take files out of the table, and keep them together under the tag ``aside`` with what it keeps already."""
        commit = Commit(found.table, mark=mark)
        return _committed(lambda: commit.take_out(leaving, aside=aside, order=order, open_version=self._files.open))

    def put_back(
        self, found: Registered, returning: Collection[str], *, aside: str, mark: str, leaving: Collection[str]
    ) -> bool:
        """Put files that ``aside`` keeps into the table again, in place of others."""
        commit = Commit(found.table, mark=mark)
        return _committed(lambda: commit.put_back(returning, aside=aside, leaving=leaving))

    def expire(self, found: Registered, *, without: str = "") -> bool:
        """Forget every version of the table but the current one and what tags of ours keep, ``without`` one of them."""
        return _committed(lambda: Commit(found.table).expire(without=without))

    def forget(self, found: Registered, tag: str) -> bool:
        """Forget a tag of ours, and the version of the table that it keeps."""
        return _committed(lambda: Commit(found.table).forget(tag))

    def _loaded(self, name: Identifier) -> Table:
        for _ in range(_LOOKS):
            with suppress(FileNotFoundError):  # a purge deletes what counted when it was asked for
                return self._inner.load_table(name)
        raise FileNotFoundError


def _committed(commit: Callable[[], bool]) -> bool:
    with _translated("committing"):
        try:
            return commit()
        except FileNotFoundError:
            return False  # whoever committed meanwhile has deleted what was to be read


def _opened(url: str, files: FileIO) -> "_InDatabase | _AtService":
    parts = urlsplit(url)
    told = dict(parse_qsl(parts.query))
    name = told.pop(_NAME, _DEFAULT)
    if parts.scheme in {"http", "https"}:
        host, folder = parts.netloc.rpartition("@")[2], unquote(parts.path).rstrip("/")
        address = urlunsplit((parts.scheme, host, folder, "", ""))
        if parts.username:
            told["credential"] = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            told.setdefault("oauth2-server-uri", f"{address}/v1/oauth/tokens")
        return _AtService(name, files, uri=address, **told)
    try:
        database = make_url(url).difference_update_query([_NAME])
        # Airflow quotes what stands behind the host, e.g. a file's folders.
        return _InDatabase(name, database.set(database=unquote(database.database or "")), files)
    except ArgumentError:
        raise Refused("the connection of a catalogue has no URL that can be read") from None


@contextmanager
def _translated(doing: str) -> Iterator[None]:
    try:
        yield
    except ValueError:
        # What the library says of metadata that it does not understand may quote them.
        raise Unreadable(Problem.BROKEN, "the metadata of a table cannot be read") from None
    except NoSuchTableError:
        raise Refused(f"a table went while {doing} in its catalogue", next_step="discover and plan again") from None
    except _DENIED as error:
        raise Refused(
            f"the catalogue refused us while {doing} ({type(error).__name__})",
            rule="credentials",
            next_step="check the connection's URL and what its credential may do",
        ) from None
    except FileNotFoundError:
        raise Transient(f"a file of a table went while {doing} in its catalogue") from None
    except (RESTError, OSError, SQLAlchemyError) as error:
        raise Transient(f"the catalogue is not available while {doing} ({type(error).__name__})") from None
