"""A key of the company's in its file: what is taken for one, what it is sent with, and how it goes."""

import base64
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.client import Config

from winddown.archive.customer_key import CustomerKey
from winddown.domain.errors import Refused

KEY, OTHER = bytes(range(32)), bytes(range(1, 33))
TEXT = base64.b64encode(KEY)


def written(path: Path, content: bytes = KEY, *, mode: int = 0o600) -> CustomerKey:
    path.write_bytes(content)
    path.chmod(mode)
    return CustomerKey("files", path.as_uri())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "shop.key"


def test_raw_and_base64_are_the_same_key(path: Path) -> None:
    found = {written(path, content).fingerprint() for content in (KEY, TEXT, TEXT + b"\n")}
    assert len(found) == 1
    assert written(path, OTHER).fingerprint() not in found
    assert len(found.pop()) == 64


@pytest.mark.parametrize(
    "content",
    [b"", KEY[:31], KEY + b"\n", KEY + KEY, TEXT[:-1], b"-" * 44, TEXT + b"x" * 100, base64.b64encode(KEY[:16])],
)
def test_anything_else_is_no_key_and_is_not_shown(path: Path, content: bytes) -> None:
    with pytest.raises(Refused, match="32 bytes, raw or in base64") as raised:
        written(path, content).fingerprint()
    assert base64.b64encode(KEY)[:8].decode() not in repr(raised.value)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_key_that_others_may_read_is_none(path: Path, mode: int) -> None:
    with pytest.raises(Refused, match="mode 0600"):
        written(path, mode=mode).fingerprint()


def test_a_link_and_a_folder_are_no_key(path: Path) -> None:
    written(path)
    link = path.with_name("link")
    link.symlink_to(path)
    with pytest.raises(Refused, match="cannot be opened"):
        CustomerKey("files", link.as_uri()).fingerprint()
    folder = path.with_name("folder")
    folder.mkdir(mode=0o700)
    with pytest.raises(Refused, match="mode 0600"):
        CustomerKey("files", folder.as_uri()).fingerprint()
    with pytest.raises(Refused, match="is not there"):
        CustomerKey("files", path.with_name("none").as_uri()).fingerprint()


@pytest.mark.parametrize("url", ["", "shop.key", "file:shop.key", "file://host/shop.key", "s3://b/k", "file:///keys/"])
def test_its_connection_names_a_file(url: str) -> None:
    with pytest.raises(Refused, match="no URL like file:///folder/name"):
        CustomerKey("files", url)


# -- what it is sent with --------------------------------------------------------------------------------------------


@pytest.fixture
def sent(path: Path) -> Callable[..., dict[str, str]]:
    """The headers of what a client with the key would send; nothing leaves the process."""

    class Sent(Exception):  # noqa: N818 - it ends a request
        pass

    client: Any = written(path).sent_by(
        boto3.client(
            "s3", endpoint_url="http://127.0.0.1:1", aws_access_key_id="a", aws_secret_access_key="b",
            region_name="x", config=Config(retries={"max_attempts": 0}),
        ),
        "shop",
    )  # fmt: skip
    headers: dict[str, str] = {}

    def stop(request: Any, **_: Any) -> None:
        headers.clear()
        values = {name.lower(): value for name, value in request.headers.items()}
        headers.update({name: v.decode() if isinstance(v, bytes) else v for name, v in values.items()})
        raise Sent

    client.meta.events.register("before-send.s3", stop)

    def call(operation: str, **request: Any) -> dict[str, str]:
        with pytest.raises(Sent):
            getattr(client, operation)(**{"Bucket": "shop", "Key": "k", **request})
        return headers

    return call


PART = {"UploadId": "u", "PartNumber": 1}
SSE = "x-amz-server-side-encryption-customer-key"


def test_whatever_concerns_a_body_in_the_bucket_has_the_key(sent: Callable[..., dict[str, str]]) -> None:
    requests: dict[str, dict[str, Any]] = {
        "get_object": {},
        "head_object": {},
        "put_object": {"Body": b"x"},
        "create_multipart_upload": {},
        "upload_part": {**PART, "Body": b"x"},
        "copy_object": {"CopySource": "shop/k"},
        "upload_part_copy": {**PART, "CopySource": "shop/k"},
    }
    for operation, request in requests.items():
        found = sent(operation, **request)
        assert found[SSE] == TEXT.decode()
        source = found.get(f"x-amz-copy-source-{SSE.removeprefix('x-amz-')}")
        assert source == (TEXT.decode() if "copy" in operation else None)
        assert SSE not in sent(operation, **request, Bucket="another")
    for operation in ("delete_object", "get_object_tagging", "get_object_retention"):
        assert SSE not in sent(operation)


def test_without_its_file_nothing_is_written_in_clear(path: Path) -> None:
    client: Any = boto3.client(
        "s3", endpoint_url="http://127.0.0.1:1", aws_access_key_id="a", aws_secret_access_key="b", region_name="x"
    )
    written(path).sent_by(client, "shop")
    path.unlink()
    with pytest.raises(Refused, match="the key of store files is not there"):
        client.put_object(Bucket="shop", Key="k", Body=b"x")


# -- how it goes -----------------------------------------------------------------------------------------------------


def test_it_goes_once_and_a_repeat_finds_it_gone(path: Path) -> None:
    key = written(path)
    fingerprint = key.fingerprint()
    for _ in range(2):
        key.destroy(fingerprint)
        assert list(path.parent.iterdir()) == []
    with pytest.raises(Refused, match="is not there"):
        key.fingerprint()


def test_another_key_stays_as_it_is(path: Path) -> None:
    planned = written(path).fingerprint()
    key = written(path, OTHER)
    with pytest.raises(Refused, match="another one than the planned one"):
        key.destroy(planned)
    assert (path.read_bytes(), [found.name for found in path.parent.iterdir()]) == (OTHER, ["shop.key"])


@pytest.mark.parametrize("call", ["rename", "unlink"])
@pytest.mark.parametrize("is_done", [False, True])
def test_killed_around_any_step_it_is_whole_or_gone_and_a_repeat_ends_it(
    path: Path, monkeypatch: pytest.MonkeyPatch, call: str, is_done: bool
) -> None:
    key, real = written(path), getattr(Path, call)
    fingerprint = key.fingerprint()

    def killed(self: Path, *given: Any) -> None:
        if is_done:
            real(self, *given)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, call, killed)
        with pytest.raises(KeyboardInterrupt):
            key.destroy(fingerprint)
    if (call, is_done) != ("unlink", True):
        assert key.fingerprint() == fingerprint, "what reads it goes on"
    key.destroy(fingerprint)
    assert list(path.parent.iterdir()) == []


def test_a_key_that_took_its_place_in_between_comes_back(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = written(path)
    fingerprint, rename = key.fingerprint(), Path.rename

    def exchanged(self: Path, target: Path) -> Path:
        self.unlink()
        written(self, OTHER)
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", exchanged)
    with pytest.raises(Refused, match="another one than the planned one"):
        key.destroy(fingerprint)
    assert (path.read_bytes(), [found.name for found in path.parent.iterdir()]) == (OTHER, ["shop.key"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_key_with_a_second_name_would_not_be_gone(path: Path) -> None:
    key = written(path)
    os.link(path, path.with_name("copy"))
    with pytest.raises(Refused, match="has 2 names"):
        key.destroy(key.fingerprint())
    assert path.exists()


def test_two_workers_at_once_do_no_harm(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = written(path)
    fingerprint, rename = key.fingerprint(), Path.rename

    def beaten(self: Path, target: Path) -> Path:
        monkeypatch.setattr(Path, "rename", rename)
        CustomerKey("files", path.as_uri()).destroy(fingerprint)
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", beaten)
    key.destroy(fingerprint)
    assert list(path.parent.iterdir()) == []
