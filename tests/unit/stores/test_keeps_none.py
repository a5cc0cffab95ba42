"""Whether a bucket keeps versions is asked once where it does, and every time where it may begin to."""

from dataclasses import dataclass, field
from typing import Any

from winddown.stores.objects.versions import keeps_none


@dataclass(eq=False)
class Service:
    status: str
    asked: list[str] = field(default_factory=list)

    def get_bucket_versioning(self, *, Bucket: str) -> dict[str, Any]:  # noqa: N803 - as the client names it
        self.asked.append(Bucket)
        return {"Status": self.status} if self.status else {}

    def list_object_versions(self, *, Bucket: str, MaxKeys: int) -> dict[str, Any]:  # noqa: N803
        assert (Bucket, MaxKeys) == ("b", 1)
        return {}


def test_a_bucket_that_keeps_versions_never_again_keeps_none() -> None:
    service = Service("Suspended")
    assert [keeps_none(service, "b") for _ in range(3)] == [False] * 3
    assert service.asked == ["b"]
    assert not keeps_none(service, "c")
    assert service.asked == ["b", "c"]


def test_a_bucket_that_keeps_none_may_begin_to() -> None:
    service = Service("")
    assert [keeps_none(service, "b") for _ in range(2)] == [True] * 2
    service.status = "Enabled"
    assert not keeps_none(service, "b")
    assert service.asked == ["b"] * 3
