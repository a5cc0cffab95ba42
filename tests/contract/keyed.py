"""Buckets whose objects lie under a key of the company's, and what they must do on a service that obeys it."""

import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError
from ceph_gateway import Gateway

from winddown.archive.customer_key import CustomerKey
from winddown.bootstrap import _client
from winddown.connections import ConnectionParameters
from winddown.demo.servers import S3Address
from winddown.domain.authorization import Power
from winddown.domain.errors import Refused, Residual
from winddown.inspection.under_key import UnderKey
from winddown.ports import SeesKey, SupportsFreeze, SupportsKeyDestruction, ability
from winddown.stores.objects.abilities import copies_ranges
from winddown.stores.objects.locks import locks_of
from winddown.stores.objects.versions import list_versions

from .desk import Desk
from .s3_subject import FOLDER, STORE, BucketSubject, CsvFiles, UnversionedObjects, WholeObjects
from .subject import Work, work
from .suite import EffectSuite

LOCKS = {"ObjectLockEnabledForBucket": True}


def new_key(folder: Path, name: str) -> CustomerKey:
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.key"
    path.write_bytes(secrets.token_bytes(32))
    path.chmod(0o600)
    return CustomerKey(STORE, path.as_uri())


class Keyed(BucketSubject):
    """Every client sends the key, but one of the inspector's."""

    def __init__(self, gateway: Gateway, desk: Desk, *, address: S3Address | None = None) -> None:
        self.bucket_name = f"keyed-{secrets.token_hex(6)}"
        self.key = new_key(desk.workspace / "customer-keys", self.bucket_name)
        self.bare = gateway.client(address)
        self.key_look = UnderKey(STORE, self.bare, self.bucket_name, self.key.path)
        super().__init__(self.key.sent_by(gateway.client(address), self.bucket_name), desk)

    @property
    def keyed_store(self) -> SupportsKeyDestruction:
        found = ability(self.store, SupportsKeyDestruction)
        assert found is not None
        return found

    @property
    def looking(self) -> SeesKey:
        assert isinstance(self.inspector, SeesKey)
        return self.inspector

    def lock(self, key: str, *, mode: str = "COMPLIANCE") -> None:
        """Keep the current version for a day."""
        until = {"Mode": mode, "RetainUntilDate": "2099-01-01T00:00:00Z"}
        self.bucket.client.put_object_retention(Bucket=self.bucket.name, Key=key, Retention=until)

    def destroy(self, fingerprint: str, *, said: str = "") -> dict[str, str]:
        right = self.desk.mint_for(
            Power.SANITISE, STORE, target=f"destroy key of {STORE}", batch_digest=said or fingerprint
        )
        return dict(self.keyed_store.destroy_key(right, fingerprint=fingerprint).details)


class KeyedObjects(Keyed, WholeObjects):
    more = LOCKS


class KeyedCsv(Keyed, CsvFiles):
    pass


class KeyedWithoutVersions(Keyed, UnversionedObjects):
    pass


@pytest.fixture
def keyed(request: pytest.FixtureRequest, gateway: Gateway, desk: Desk) -> Iterator[Keyed]:
    """A bucket that is left where it is: what is locked in it goes with the service."""
    kind: type[Keyed] = request.param
    is_frozen = kind is KeyedWithoutVersions
    found = kind(gateway, desk, address=gateway.user(f"winddown-{secrets.token_hex(4)}") if is_frozen else None)
    yield found
    for client in (found.bucket.client, found.bare):
        client.close()


def leaving(planned: Work) -> Work:
    return replace(planned, order=replace(planned.order, leaves_locked=True))


class KeyedSuite:
    @pytest.mark.parametrize("keyed", [KeyedCsv], indirect=True)
    def test_rows_are_read_taken_out_and_brought_back_under_the_key(self, keyed: Keyed) -> None:
        EffectSuite().test_restore_brings_back_exactly_what_was(keyed)
        work(keyed).act(Power.QUARANTINE)
        assert (keyed.keyed_store.not_under_key(), keyed.looking.open_without_key()) == (0, 0)
        assert keyed.looking.listed() > 0
        assert copies_ranges(keyed.bucket.client, keyed.bucket.name), "its own key and the source's are sent"

    @pytest.mark.parametrize("keyed", [KeyedWithoutVersions], indirect=True)
    def test_objects_without_versions_come_back_under_the_key(self, keyed: Keyed) -> None:
        store = ability(keyed.store, SupportsFreeze)
        assert store is not None
        store.freeze(keyed.desk.mint_for(Power.FREEZE, STORE), store.remember_writers([keyed.ref], None))
        EffectSuite().test_restore_brings_back_exactly_what_was(keyed)
        assert (keyed.keyed_store.not_under_key(), keyed.looking.open_without_key()) == (0, 0)

    @pytest.mark.parametrize("keyed", [KeyedObjects], indirect=True)
    def test_what_is_not_under_the_key_is_told(self, keyed: Keyed) -> None:
        assert (keyed.keyed_store.not_under_key(), keyed.store.discover().blockers) == (0, ())
        name = keyed.bucket.name
        keyed.bare.put_object(Bucket=name, Key=f"{FOLDER}/clear.pdf", Body=b"%PDF-1.7")
        assert (keyed.keyed_store.not_under_key(), keyed.looking.open_without_key()) == (1, 1)
        other = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "k" * 32}
        keyed.bare.put_object(Bucket=name, Key=f"{FOLDER}/other.pdf", Body=b"%PDF-1.7", **other)
        assert (keyed.keyed_store.not_under_key(), keyed.looking.open_without_key()) == (2, 1)
        assert [blocker.code for blocker in keyed.store.discover().blockers] == ["customer-key"]

    @pytest.mark.parametrize("keyed", [KeyedObjects], indirect=True)
    def test_what_is_locked_is_left_accounted_for_and_unreadable_without_the_key(self, keyed: Keyed) -> None:
        locked, governed, *_ = keyed.keys()
        keyed.lock(locked)
        keyed.lock(governed, mode="GOVERNANCE")
        planned = work(keyed, chosen=keyed.keys(), size=9)
        planned.act(Power.QUARANTINE)
        with pytest.raises(Residual, match="2 locked until 2099-01-01"):
            planned.act(Power.PURGE)
        held = {"Bucket": keyed.bucket.name, "Key": locked, "VersionId": self.version(keyed, locked)}
        keyed.bucket.client.put_object_legal_hold(**held, LegalHold={"Status": "ON"})
        with pytest.raises(Residual, match="1 under a legal hold, 1 locked until"):
            leaving(planned).act(Power.PURGE)
        looking = keyed.looking
        assert looking.locked(leaving(planned).order, planned.batches[0]) == 1, "a hold is no retention"
        assert leaving(planned).leftovers() > 0
        keyed.bucket.client.put_object_legal_hold(**held, LegalHold={"Status": "OFF"})
        for _ in range(2):  # killed before it was recorded, and repeated
            told = dict(leaving(planned).act(Power.PURGE).details)
            assert told == {
                "ordered": "10", "purged": "8", "held": "0", "locked": "2", "failed": "0", "locked_until": "2099-01-01",
            }  # fmt: skip
        assert planned.leftovers() == 4, "an order that may leave nothing leaves two versions below markers"
        assert leaving(planned).leftovers() == leaving(planned).remaining() == planned.remaining() == 0
        assert (looking.locked(leaving(planned).order, planned.batches[0]), looking.listed()) == (2, 2)
        assert (looking.locked(planned.order, planned.batches[0]), keyed.bucket.live()) == (0, {})
        assert keyed.key is not None
        fingerprint = keyed.keyed_store.key_fingerprint()
        with pytest.raises(Refused, match="another one than the planned one"):
            keyed.destroy("0" * 64)
        with pytest.raises(Refused, match="does not cover"):
            keyed.destroy(fingerprint, said="0" * 64)
        assert looking.key_is_there()
        assert keyed.destroy(fingerprint) == {"key": "unlinked", "fingerprint": fingerprint}
        assert (looking.key_is_there(), looking.open_without_key(), looking.listed()) == (False, 0, 2)
        with pytest.raises(Refused, match="the key of store contract_files is not there"):
            keyed.keyed_store.not_under_key()
        with pytest.raises(ClientError, match="400"):
            keyed.bare.head_object(**held)

    @pytest.mark.parametrize("keyed", [KeyedObjects], indirect=True)
    def test_a_bucket_that_locks_what_is_written_can_be_frozen_and_leaves_nothing_of_ours(self, keyed: Keyed) -> None:
        default = {"Mode": "COMPLIANCE", "Days": 1}
        keyed.bucket.client.put_object_lock_configuration(
            Bucket=keyed.bucket.name,
            ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": default}},
        )
        history = keyed.bucket.history()
        store = ability(keyed.store, SupportsFreeze)
        assert store is not None
        remembered = store.remember_writers([keyed.ref], None)
        store.freeze(keyed.desk.mint_for(Power.FREEZE, STORE), remembered)
        store.thaw(keyed.desk.mint_for(Power.RESTORE, STORE), remembered)
        assert keyed.bucket.history() == history

    @pytest.mark.parametrize("keyed", [KeyedObjects], indirect=True)
    def test_locks_are_known_to_a_client_that_reads_no_dates(self, keyed: Keyed, gateway: Gateway) -> None:
        """The composition root's clients leave dates as the service writes them."""
        keyed.lock(keyed.keys()[0])
        address = gateway.address
        client = _client(
            ConnectionParameters(
                endpoint_url=address.endpoint_url, access_key=address.access_key, secret_key=address.secret_key
            )
        )
        found = locks_of(client, keyed.bucket.name, list_versions(client, keyed.bucket.name))
        assert {(version.key, lock.mode, lock.until) for version, lock in found.items()} == {
            (keyed.keys()[0], "COMPLIANCE", "2099-01-01")
        }

    def version(self, keyed: Keyed, key: str) -> str:
        """The current version of an object that is hidden."""
        versions = list_versions(cast("Any", keyed.bare), keyed.bucket.name)
        return next(found.version_id for found in versions if found.key == key and not found.is_marker)
