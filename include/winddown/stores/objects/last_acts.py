"""What is done to a bucket last, when a plan has purged everything else: its key is destroyed, it is deleted itself."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

from botocore.exceptions import ClientError

from winddown.archive.customer_key import CustomerKey
from winddown.domain.authorization import Authorization, Power
from winddown.domain.errors import Refused
from winddown.domain.receipt import Receipt
from winddown.stores.objects import bucket_end
from winddown.stores.objects.faults import is_passing, translated
from winddown.stores.objects.versions import Version, list_versions

_WINDOW, _LOOKERS = 1_000, 8

Unlock = Callable[[Authorization], Any]


class LastActs:
    """The part of a store that ends it.

    Args:
        reader: client with the reading credential; with a key it sends that.
        unlock: exchanges an authorization for a client with the credential of its power; spends it.
        key: of the company's, under which the bucket's objects lie; None for none.
    """

    def __init__(self, name: str, *, bucket: str, reader: Any, unlock: Unlock, key: CustomerKey | None) -> None:
        self.name = name
        self._bucket = bucket
        self._reader = reader
        self._unlock = unlock
        self._key = key

    def bucket_made(self) -> str:
        """When the bucket was made, as the reading user is told."""
        with translated(self.name, "listing buckets"):
            return bucket_end.made_at(self._reader, self._bucket)

    def delete_bucket(self, authorization: Authorization, *, made: str) -> Receipt:
        """Delete the bucket, if it is the planned one and empty; under a freeze, if there is one."""
        authorization.require(Power.SANITISE, store=self.name, target=f"delete bucket of {self.name}")
        bucket_end.require_same(self.bucket_made(), made, store=self.name)
        client = self._same(authorization, self._unlock(authorization))
        with translated(self.name, "deleting the bucket"):
            bucket_end.delete(client, self._bucket, store=self.name)
        return Receipt("sanitise", self.name, 0, 1, (("bucket", "deleted"),))

    def key_fingerprint(self) -> str:
        """Of the key in the file of the declared connection."""
        return "" if self._key is None else self._key.fingerprint()

    def not_under_key(self) -> int:
        """Ask for the headers of every version, locked ones and those below markers too. Needs a declared key."""
        with translated(self.name, "asking for keys"), ThreadPoolExecutor(max_workers=_LOOKERS) as pool:
            versions = (found for found in list_versions(self._reader, self._bucket) if not found.is_marker)
            others = 0
            while window := list(islice(versions, _WINDOW)):
                others += sum(not is_under for is_under in pool.map(self._is_under_key, window))
        return others

    def destroy_key(self, authorization: Authorization, *, fingerprint: str) -> Receipt:
        """Unlink the key's file, if it holds the planned key. Nothing is overwritten, and no copy is looked for."""
        authorization.require(
            Power.SANITISE, store=self.name, target=f"destroy key of {self.name}", batch_digest=fingerprint
        )
        self._same(authorization, self._unlock(authorization))
        self._declared().destroy(fingerprint)
        return Receipt("sanitise", self.name, 0, 1, (("key", "unlinked"), ("fingerprint", fingerprint)))

    def _is_under_key(self, version: Version) -> bool:
        try:
            head = self._reader.head_object(Bucket=self._bucket, Key=version.key, VersionId=version.version_id)
        except ClientError as error:
            if is_passing(error):
                raise
            return False  # under another key, in the clear where a service minds that, or not ours to see
        return self._declared().names(head)

    def _declared(self) -> CustomerKey:
        if self._key is None:
            raise Refused(f"store {self.name} declares no key of the company's")
        return self._key

    def _same(self, authorization: Authorization, client: Any) -> Any:
        authorization.require_system(self._identity(client))
        return client

    def _identity(self, client: Any) -> str:
        # Of a bucket that was made anew under the same name, the versions are others.
        return f"bucket {self._bucket} at {client.meta.endpoint_url}"
