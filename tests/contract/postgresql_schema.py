"""A PostgreSQL schema of one test's own, and what the product finds in it."""

import secrets

from winddown.domain.blocker import Blocker
from winddown.domain.inventory import Collection, Fact
from winddown.ports import Discovery
from winddown.stores.sql.postgresql import PostgresStore

from .postgresql_subject import STORE, Database, no_escrow, no_tokens


class Schema:
    """The schema; statements run as the administrator, who looks for names in it first."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.name = f"kinds_{secrets.token_hex(4)}"
        engine = database.engine(STORE)
        self.store = PostgresStore(
            STORE, reader=engine, unlock=lambda _: engine, escrow=no_escrow(), tokens=no_tokens()
        )
        self.run(f"CREATE SCHEMA {self.name}; SET search_path = {self.name}")
        self.run(f"GRANT USAGE ON SCHEMA {self.name} TO winddown_contract_reader, contract_clerk")
        self.run(f"ALTER DEFAULT PRIVILEGES IN SCHEMA {self.name} GRANT SELECT ON TABLES TO winddown_contract_reader")

    def run(self, statements: str) -> None:
        self.database.admin.execute(statements.encode())

    def discover(self) -> Discovery:
        return self.store.discover()

    def collection(self, name: str) -> Collection:
        (found,) = [one for one in self.discover().collections if one.ref.name == f"{self.name}.{name}"]
        return found

    def blockers(self, name: str) -> dict[str, Blocker]:
        subject = f"{STORE}:{self.name}.{name}"
        return {one.code: one for one in self.discover().blockers if one.subject == subject}

    def facts(self, name: str) -> dict[str, str]:
        return facts_of(self.discover().facts, f"{STORE}:{self.name}.{name}")


def facts_of(facts: tuple[Fact, ...], subject: str) -> dict[str, str]:
    return {fact.name: fact.value for fact in facts if fact.subject == subject}
