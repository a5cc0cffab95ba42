"""Deletions as they are sent: what may stand in a request for many, and what goes by itself."""

from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree as ET

from botocore.exceptions import ClientError

from winddown.stores.objects.deleting import Deletion
from winddown.stores.objects.versions import Version
from winddown.stores.retrying import Backoff

ODD, PLAIN, LOCKED = "客户/王\x01.pdf", "客户/\t\r\n&<王>𠮷.pdf", "客户/locked\x1f.pdf"


class Service:
    """Deletes what it is asked for, if it can read the request."""

    def __init__(self, *keys: str) -> None:
        self.left = [Version(key, "v1", "", 0, is_latest=True, is_marker=False) for key in keys]
        self.meta = SimpleNamespace(events=SimpleNamespace(register=lambda *_, **__: None))

    def delete_objects(self, *, Delete: dict[str, Any], **_: Any) -> dict[str, Any]:  # noqa: N803 - the service's word
        for each in Delete["Objects"]:
            ET.fromstring(f"<Key>{each['Key'].replace('&', '&amp;').replace('<', '&lt;')}</Key>")  # noqa: S314 - ours
            self.delete_object(**each)
        return {}

    def delete_object(self, *, Key: str, VersionId: str, **_: Any) -> None:  # noqa: N803 - as above
        if Key == LOCKED:
            error = {"Error": {"Code": "AccessDenied"}, "ResponseMetadata": {"HTTPStatusCode": 403}}
            raise ClientError(error, "DeleteObject")  # type: ignore[arg-type] # more than is ever looked at
        self.left = [found for found in self.left if (found.key, found.version_id) != (Key, VersionId)]


def test_a_key_that_no_xml_can_say_goes_by_itself() -> None:
    service = Service(ODD, PLAIN, LOCKED)
    deletion = Deletion(service, "bucket", backoff=Backoff(sleep=lambda _: None))
    left, refused = deletion.until_gone(service.left, lambda: service.left)
    assert [found.key for found in left] == [LOCKED]
    assert list(refused.values()) == ["AccessDenied"]
