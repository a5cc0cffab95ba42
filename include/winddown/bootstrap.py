"""Composition root: settings and connections become stores, ledger, keys and clock. Nothing else builds them.

A store's connection is ``<name>`` for reading; its effects use ``<name>__mark`` (freeze, quarantine, restore) and
``<name>__purge`` (purge, sanitise), its inspector ``<name>__inspect``, a backup drill ``<name>__scratch``. Each is a
credential of its own, so a worker that may only mark cannot purge.

A system's modules are imported where a case declares it: the recognisers, DuckDB and the services of a cloud would take
a hundred MiB of a process that destroys rows of a database. Nothing else of the product imports late for that.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import NullPool

from winddown.archive.atomic import made_folder
from winddown.archive.customer_key import CustomerKey
from winddown.archive.escrow import Escrow
from winddown.archive.keys import CaseKeys
from winddown.archive.notes import CaseNotes
from winddown.archive.tokens import Tokens
from winddown.connections import ConnectionParameters, Connections, FileConnections
from winddown.control.authority import Authority
from winddown.control.clock import ControlClock, SystemClock
from winddown.control.engine import open_control, require_current, upgrade
from winddown.control.ledger import Ledger
from winddown.control.repository import Repository
from winddown.control.switch import HaltAsked, nobody_asks
from winddown.domain.authorization import Authorization, Power
from winddown.domain.case import Case, StoreDeclaration
from winddown.domain.errors import Refused
from winddown.notify.channels import LogChannel, MailChannel
from winddown.ports import BackupDrill, Clock, Inspector, Notes, Notifier, Store
from winddown.program import code_version
from winddown.rules.loader import load_rulebook
from winddown.settings import Settings, load
from winddown.stages.deployment import Deployment, Systems

if TYPE_CHECKING:
    import boto3

    from winddown.stores.objects.tables.catalogue import OpenCatalogue
    from winddown.stores.sql.readable import Source

_SUFFIX = {
    Power.FREEZE: "__mark",
    Power.QUARANTINE: "__mark",
    Power.RESTORE: "__mark",
    Power.PURGE: "__purge",
    Power.SANITISE: "__purge",
}
_MAIL = "winddown_mail"
_SIGNING_KEYS = "signing.keys"


def deploy(
    connections: Connections | None = None,
    *,
    settings: Settings | None = None,
    clock: Clock | None = None,
    halt_asked: HaltAsked = nobody_asks,
) -> Deployment:
    """Build a deployment. An embedded control database is brought up to date; another one must be already.

    Without ``connections``, they are read from the file that the settings name; raises Refused when there is none.
    ``halt_asked`` is asked before each batch whether somebody halts every case from outside.
    """
    settings = settings or load()
    if connections is None:
        if settings.connections is None:
            raise Refused(
                "no connections are known outside Airflow", next_step="set WINDDOWN_CONNECTIONS to a JSON file"
            )
        connections = FileConnections(settings.connections)
    made_folder(settings.workspace)
    engine = open_control(settings.control_url)
    if clock is None:
        clock = SystemClock() if settings.embedded else ControlClock(engine)
    if settings.embedded:
        upgrade(engine)
    else:
        require_current(engine)
    ledger = Ledger(engine, clock=clock)
    program = code_version()
    authority = Authority(engine, ledger=ledger, clock=clock, code_version=program, halt_asked=halt_asked)
    found = connections
    keys = cache(lambda case_id: CaseKeys(settings.workspace / case_id / "keys"))

    def notes(case_id: str, store: str) -> Notes:
        from winddown.detectors.names import is_speaking

        folder = settings.workspace / case_id / "notes"
        return CaseNotes(folder, "look", store=store, keys=keys(case_id), code_version=program, is_withheld=is_speaking)

    def escrow(case_id: str, store: str) -> Escrow:
        folder = settings.workspace / case_id / "escrow" / store
        return Escrow(folder, scope=f"{case_id}/{store}", key=lambda: keys(case_id).container_key())

    def tokens(case_id: str) -> Tokens:
        return Tokens(lambda: keys(case_id).tokens())

    return Deployment(
        settings=settings,
        clock=clock,
        control=Repository(engine, clock=clock),
        ledger=ledger,
        authority=authority,
        rulebook=load_rulebook(settings.rule_packs),
        systems=_remembered(
            lambda case: _systems(case, found, authority, settings, notes=notes, escrow=escrow, tokens=tokens)
        ),
        connection_exists=lambda name: found.find(name) is not None,
        keys=keys,
        signing_keys=settings.workspace / _SIGNING_KEYS,
        code_version=program,
        notifier=_notifier(settings, connections),
    )


def _notifier(settings: Settings, connections: Connections) -> Notifier:
    """The channel that the settings choose; raises Refused for another word, or mail without sender or recipients."""
    if settings.notify == "log":
        return LogChannel()
    if settings.notify != "mail":
        raise Refused(f"WINDDOWN_NOTIFY: {settings.notify!r} is neither log nor mail")

    def server() -> str:
        found = connections.find(_MAIL)
        if found is None:
            raise Refused(f"connection {_MAIL!r} is unknown", next_step="create it, with the URL of the mail server")
        return found.url

    return MailChannel(server, sender=settings.notify_from, recipients=settings.notify_to)


def _remembered(build: Callable[[Case], Systems]) -> Callable[[Case], Systems]:
    """Build the systems of a case once a process; a changed case gets new ones."""
    known: dict[str, tuple[Case, Systems]] = {}

    def systems(case: Case) -> Systems:
        if case.id not in known or known[case.id][0] != case:
            known[case.id] = (case, build(case))
        return known[case.id][1]

    return systems


def _systems(
    case: Case,
    connections: Connections,
    authority: Authority,
    settings: Settings,
    *,
    notes: Callable[[str, str], Notes],
    escrow: Callable[[str, str], Escrow],
    tokens: Callable[[str], Tokens],
) -> Systems:
    made = tokens(case.id)
    stores: dict[str, Store] = {}
    inspectors: dict[str, Inspector] = {}
    drills: dict[str, BackupDrill] = {}
    for declaration in case.stores:
        if declaration.kind == "postgresql":
            from winddown.inspection.postgresql import PostgresInspector
            from winddown.stores.sql.drill import PostgresDrill
            from winddown.stores.sql.postgresql import PostgresStore

            stores[declaration.name] = PostgresStore(
                declaration.name,
                reader=_engine(_parameters(connections, declaration, "")),
                unlock=_unlock(authority, connections, declaration, cache(_engine)),
                escrow=escrow(case.id, declaration.name),
                tokens=made,
            )
            inspectors[declaration.name] = PostgresInspector(
                declaration.name,
                engine=_engine(_parameters(connections, declaration, "__inspect")),
                escrow=escrow(case.id, declaration.name),
                token_key=made.key,
            )
            scratch = _url(_parameters(connections, declaration, "__scratch"))
            drills[declaration.name] = PostgresDrill(declaration.name, scratch, bin_folder=settings.postgres_bin)
        elif declaration.kind != "s3":
            aside = partial(escrow, case.id, declaration.name)
            stores[declaration.name], inspector = (
                _folder_store(declaration, connections, authority)
                if declaration.kind == "files"
                else _database(declaration, connections, authority, escrow=aside, tokens=made)
            )
            if inspector is not None:
                inspectors[declaration.name] = inspector
        else:
            from winddown.inspection.s3 import S3Inspector
            from winddown.inspection.under_key import UnderKey
            from winddown.stores.objects.report.listing import ReportPlace
            from winddown.stores.objects.s3 import S3Store

            scratch_folder = settings.workspace / case.id / "scratch"
            key = _customer_key(declaration, connections)
            client = partial(_client, bucket=declaration.bucket, key=key)
            looking = _parameters(connections, declaration, "__inspect")
            stores[declaration.name] = S3Store(
                declaration.name,
                bucket=declaration.bucket,
                reader=client(_parameters(connections, declaration, "")),
                unlock=_unlock(authority, connections, declaration, client),
                escrow=escrow(case.id, declaration.name),
                report=ReportPlace.parse(declaration.inventory, scratch_folder) if declaration.inventory else None,
                catalogue=_catalogue(declaration, connections),
                key=key,
                notes=partial(notes, case.id, declaration.name),
            )
            inspectors[declaration.name] = S3Inspector(
                declaration.name,
                bucket=declaration.bucket,
                client=client(looking),
                escrow=escrow(case.id, declaration.name),
                set_apart=_backups_in(case, declaration.name),
                catalogue=_catalogue_url(connections, declaration, "__inspect") if declaration.catalogue else "",
                key=None if key is None else UnderKey(declaration.name, _client(looking), declaration.bucket, key.path),
            )
    return Systems(stores, inspectors, drills)


def _backups_in(case: Case, store: str) -> list[str]:
    register = case.register
    return [each.collection.name for each in register if each.backup is not None and each.collection.store == store]


def _catalogue(declaration: StoreDeclaration, connections: Connections) -> "OpenCatalogue | None":
    """Opens the catalogue of a bucket's Iceberg tables, with a credential for each power as the bucket itself has."""
    if not declaration.catalogue:
        return None
    from winddown.stores.objects.tables.iceberg_catalogue import PyIcebergCatalogue
    from winddown.stores.objects.tables.iceberg_io import ClientIO

    def opened(power: Power | None, client: Any) -> PyIcebergCatalogue:
        url = _catalogue_url(connections, declaration, "" if power is None else _SUFFIX[power])
        return PyIcebergCatalogue(url, ClientIO(declaration.name, client, declaration.bucket))

    return opened


def _customer_key(declaration: StoreDeclaration, connections: Connections) -> CustomerKey | None:
    """The key under which a bucket's objects lie. All of our clients send it: who may not read a bucket reads none."""
    if not declaration.customer_key:
        return None
    parameters = _parameters(connections, replace(declaration, connection=declaration.customer_key), "")
    return CustomerKey(declaration.name, parameters.url)


def _catalogue_url(connections: Connections, declaration: StoreDeclaration, suffix: str) -> str:
    parameters = _parameters(connections, replace(declaration, connection=declaration.catalogue), suffix)
    return _url(parameters) if parameters.url.startswith("postgres") else parameters.url


def _folder_store(
    declaration: StoreDeclaration, connections: Connections, authority: Authority
) -> tuple[Store, Inspector | None]:
    """A folder or share. It is only read where nobody could read back what was done to it."""
    from winddown.inspection.files import FilesInspector
    from winddown.stores.files.store import FilesStore

    name, build = declaration.name, partial(_folder, declaration.name)
    root = build(_parameters(connections, declaration, ""))
    looking = connections.find(f"{declaration.connection}__inspect")
    if looking is None:
        return FilesStore(name, root=root), None
    device = parse_qs(urlsplit(looking.url).query).get("device", [""])[0]
    inspector = FilesInspector(name, root=build(looking), device=Path(device) if device else None)
    return FilesStore(name, root=root, unlock=_unlock(authority, connections, declaration, build)), inspector


def _folder(store: str, parameters: ConnectionParameters) -> Path:
    url = urlsplit(parameters.url)
    if url.scheme != "file" or url.netloc or not url.path.startswith("/"):
        raise Refused(f"the connection of store {store} has no URL like file:///folder")
    return Path(unquote(url.path))


def _database(
    declaration: StoreDeclaration,
    connections: Connections,
    authority: Authority,
    *,
    escrow: Callable[[], Escrow],
    tokens: Tokens,
) -> tuple[Store, Inspector | None]:
    """A database beside PostgreSQL. It is only read where nobody could read back what was done to it."""
    name, kind = declaration.name, declaration.kind
    reading = _parameters(connections, declaration, "")
    looking = connections.find(f"{declaration.connection}__inspect")
    if looking is None:
        from winddown.stores.sql.readable import ReadableStore

        return ReadableStore(name, source=_source(name, kind, reading)), None
    builders: dict[str, Callable[[ConnectionParameters], Any]] = {
        "mysql": partial(_mysql_engine, name),
        "sqlite": partial(_path, name, kind),
        "duckdb": partial(_path, name, kind),
        "sql": partial(_any_engine, name),
    }
    build = builders[kind]
    here, there, unlock = build(reading), build(looking), _unlock(authority, connections, declaration, cache(build))
    match kind:
        case "mysql":
            from winddown.inspection.mysql import MySqlInspector
            from winddown.stores.sql.mysql_store import MySqlStore

            return (
                MySqlStore(name, reader=here, unlock=unlock, escrow=escrow(), tokens=tokens),
                MySqlInspector(name, engine=there, escrow=escrow(), token_key=tokens.key),
            )
        case "sqlite":
            from winddown.inspection.sqlite import SqliteInspector
            from winddown.stores.sql.sqlite_store import SqliteStore

            return (
                SqliteStore(name, path=here, unlock=unlock, escrow=escrow(), tokens=tokens),
                SqliteInspector(name, path=there, escrow=escrow(), token_key=tokens.key),
            )
        case "duckdb":
            from winddown.inspection.duckdb_file import DuckDbInspector
            from winddown.stores.sql.duckdb_store import DuckDbStore

            return (
                DuckDbStore(name, path=here, unlock=unlock, escrow=escrow(), tokens=tokens),
                DuckDbInspector(name, path=there, escrow=escrow(), token_key=tokens.key),
            )
        case _:
            from winddown.inspection.generic import GenericInspector
            from winddown.stores.sql.generic_store import GenericStore

            return (
                GenericStore(name, reader=here, unlock=unlock, tokens=tokens),
                GenericInspector(name, engine=there, token_key=tokens.key),
            )


def _unlock(
    authority: Authority,
    connections: Connections,
    declaration: StoreDeclaration,
    build: Callable[[ConnectionParameters], Any],
) -> Callable[[Authorization], Any]:
    def unlock(authorization: Authorization) -> Any:
        if authorization.store != declaration.name:
            raise Refused(f"an authorization for {authorization.store} does not open {declaration.name}")
        authority.redeem(authorization)
        return build(_parameters(connections, declaration, _SUFFIX[authorization.power]))

    return unlock


def _parameters(connections: Connections, declaration: StoreDeclaration, suffix: str) -> ConnectionParameters:
    name = declaration.connection + suffix
    found = connections.find(name)
    if found is None:
        raise Refused(
            f"connection {name!r} is unknown, so store {declaration.name} cannot be opened for it",
            rule="separate credentials",
            next_step=f"create the connection {name}",
        )
    return found


def _url(parameters: ConnectionParameters) -> str:
    scheme, _, rest = parameters.url.partition("://")
    if not scheme.startswith("postgres") or not rest:
        raise Refused("a PostgreSQL store's connection has no PostgreSQL URL")
    return f"postgresql+psycopg://{rest}"


_SESSION = (
    "search_path=pg_catalog,pg_temp",
    "client_encoding=UTF8",
    "timezone=Asia/Shanghai",
    "datestyle=ISO",
    "intervalstyle=postgres",
    "bytea_output=hex",
    "extra_float_digits=1",
    "lc_monetary=C",
    "standard_conforming_strings=on",
    "array_nulls=on",
    "xmloption=content",
    "synchronous_commit=on",
    "jit=off",
    # A limit that is right for an application would end the rewriting of a big table again and again.
    "statement_timeout=0",
    "idle_in_transaction_session_timeout=0",
)
_CONNECTING: Mapping[str, Any] = {
    "connect_timeout": 10,
    "options": " ".join(f"-c {name}" for name in _SESSION),
}


def _engine(parameters: ConnectionParameters) -> Engine:
    # Days are the law's days, so times are read in China's zone. The digest of a row's content depends on how the
    # session writes values, so nothing of it is left to the server's or the role's settings. Names are looked up in the
    # server's own schema: what somebody planted in a schema of the database is called by none of our credentials, and
    # the name of a type is written the same way by all of them. ``pg_temp`` is named because it would come first.
    # A session with the credential of an act is as new for each act, and serves those of its credential alone.
    # Parameters hold keys of records and stay out of messages. Nothing is compiled by the server: it would take a
    # second for questions about the catalogue that take a millisecond.
    from winddown.stores.sql.kept_open import kept_open

    return kept_open(make_url(_url(parameters)), _CONNECTING)


def _database_url(store: str, parameters: ConnectionParameters) -> URL:
    try:
        return make_url(parameters.url)
    except ArgumentError:
        raise Refused(f"the connection of store {store} has no URL that can be read") from None


def _path(store: str, kind: str, parameters: ConnectionParameters) -> Path:
    """The file of a SQLite or DuckDB database."""
    url = _database_url(store, parameters)
    if url.get_backend_name() != kind or not url.database:
        raise Refused(f"the connection of store {store} has no URL like {kind}:////folder/file")
    return Path(unquote(url.database))


_MYSQL_SESSION = (
    "time_zone = '+08:00'",
    "sql_mode = 'STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION,ALLOW_INVALID_DATES'",
    "collation_connection = 'utf8mb4_bin'",
    "foreign_key_checks = 1",
    "unique_checks = 1",
    "sql_safe_updates = 0",
    "sql_select_limit = DEFAULT",
)


def _mysql_engine(store: str, parameters: ConnectionParameters) -> Engine:
    # As for PostgreSQL: days are China's, and nothing on which a value's text or a row's way depends is left to the
    # server's settings. A zero is no wish for the next number, and a date that is none stays what it is.
    url = _database_url(store, parameters)
    if url.get_backend_name() not in {"mysql", "mariadb"}:
        raise Refused(f"the connection of store {store} has no URL like mysql://user:password@host/database")
    from winddown.stores.sql.mysql_driver import PATIENCE, connected

    url = url.set(drivername="mysql+pymysql").update_query_dict({"charset": "utf8mb4"})
    options = {"connect_timeout": 10, "init_command": f"SET {', '.join(_MYSQL_SESSION)} {PATIENCE}"}
    engine = create_engine(url, poolclass=NullPool, hide_parameters=True, connect_args=options)
    event.listen(engine, "do_connect", connected)
    return engine


def _source(store: str, kind: str, parameters: ConnectionParameters) -> "Source":
    """Open a database that is only read: ``mysql``, ``sqlite``, ``duckdb``, or ``sql`` for any other dialect."""
    if kind == "sqlite":
        from winddown.stores.sql.sqlite import SqliteSource

        return SqliteSource(store, path=_path(store, kind, parameters))
    if kind == "duckdb":
        from winddown.stores.sql.duckdb_file import DuckDbSource

        return DuckDbSource(store, path=_path(store, kind, parameters))
    if kind == "mysql":
        from winddown.stores.sql.mysql import MySqlSource

        return MySqlSource(store, engine=_mysql_engine(store, parameters))
    from winddown.stores.sql.generic import GenericSource

    return GenericSource(store, engine=_any_engine(store, parameters))


def _any_engine(store: str, parameters: ConnectionParameters) -> Engine:
    """An engine of any dialect that is installed."""
    url = _database_url(store, parameters)
    if url.get_backend_name() in {"sqlite", "duckdb"}:  # a driver would create a file that is not there
        raise Refused(f"store {store} is a file: its kind is {url.get_backend_name()}")
    try:
        engine = create_engine(url, poolclass=NullPool, hide_parameters=True)
    except (ArgumentError, ImportError):
        raise Refused(
            f"no driver is installed for the dialect {url.drivername!r} of store {store}",
            next_step="install the dialect's SQLAlchemy package on the workers",
        ) from None
    if engine.driver == "pymysql":
        from winddown.stores.sql.mysql_driver import connected

        event.listen(engine, "do_connect", connected)
    return engine


@cache
def _services() -> "boto3.Session":
    import boto3
    from botocore.session import get_session

    session = get_session()
    # Nobody here asks when an object was written, and reading dates would take most of the time of a listing.
    session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=str)
    return boto3.Session(botocore_session=session)


def _client(parameters: ConnectionParameters, *, bucket: str = "", key: CustomerKey | None = None) -> Any:
    from botocore.config import Config

    client = _services().client(
        "s3",
        endpoint_url=parameters.endpoint_url or None,
        aws_access_key_id=parameters.access_key,
        aws_secret_access_key=parameters.secret_key,
        region_name=parameters.region or None,
        config=Config(retries={"max_attempts": 4, "mode": "standard"}, connect_timeout=10, read_timeout=60),
    )
    return client if key is None else key.sent_by(client, bucket)
