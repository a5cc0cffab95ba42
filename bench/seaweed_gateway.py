"""A SeaweedFS for tests and benchmarks, from a package of PyPI: all its parts in one process.

It obeys conditions on every kind of write, which Ceph does not, keeps locks, and writes keys in its own way (``a//b``
is ``a/b`` there). Its users may do everything that no policy denies them.
"""

import contextlib
import json
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from ceph_gateway import client_of

from winddown.demo.servers import S3Address

READY_SECONDS = 45
_TRIES = 3
# Each bucket has volumes of its own: one of each kind is enough, and there may be many buckets.
_GROWTH = "[master.volume_growth]\ncopy_1 = 1\ncopy_2 = 1\ncopy_3 = 1\ncopy_other = 1\n"
_VOLUMES = 5_000


@dataclass(frozen=True, slots=True)
class SeaweedGateway:
    """A running service; ``address`` has the keys of its administrator."""

    address: S3Address
    shell: tuple[str, ...]

    def user(self, name: str) -> S3Address:
        """Make another user."""
        access, secret = secrets.token_hex(10), secrets.token_hex(20)
        said = f"s3.configure -user={name} -access_key={access} -secret_key={secret} -actions=Admin -apply\n"
        subprocess.run(self.shell, input=said.encode(), check=True, capture_output=True, timeout=READY_SECONDS)
        return S3Address(self.address.endpoint_url, access, secret)

    def client(self, address: S3Address | None = None) -> Any:
        """A client for a user, the administrator by default."""
        return client_of(address or self.address, "us-east-1", retries={"max_attempts": 2})


def program() -> str:
    """Where SeaweedFS is; "" where it is not installed."""
    return shutil.which("weed", path=str(Path(sys.executable).parent)) or shutil.which("weed") or ""


@contextlib.contextmanager
def seaweed_gateway() -> Iterator[SeaweedGateway]:
    """Start the service in a folder of its own, yield it, and end what was started."""
    for _ in range(_TRIES):
        with tempfile.TemporaryDirectory(prefix="winddown-seaweed-") as name, contextlib.ExitStack() as running:
            found = _started(running, Path(name))
            if found is not None:
                yield found
                return
    raise AssertionError("SeaweedFS did not start")


def _started(running: contextlib.ExitStack, folder: Path) -> SeaweedGateway | None:
    """The service, or None where somebody took one of its ports meanwhile."""
    (folder / "data").mkdir()
    (folder / "master.toml").write_text(_GROWTH, "utf-8")
    access, secret = secrets.token_hex(10), secrets.token_hex(20)
    identity = {
        "name": "root",
        "credentials": [{"accessKey": access, "secretKey": secret}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}), "utf-8")
    ports = {part: _port_with_its_twin() for part in ("master", "volume", "filer", "s3")}
    weed = program()
    command = [
        weed, "server", f"-dir={folder / 'data'}", "-ip=127.0.0.1", "-s3", f"-s3.config={folder / 's3.json'}",
        f"-volume.max={_VOLUMES}", "-master.volumeSizeLimitMB=64", "-master.telemetry=false",
        *(f"-{part}.port={port}" for part, port in ports.items()),
    ]  # fmt: skip
    process = subprocess.Popen(
        command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )

    def end() -> None:
        # Nothing of it is kept, so nothing needs to be written in peace.
        process.kill()
        process.wait()

    running.callback(end)
    shell = (weed, "shell", f"-master=127.0.0.1:{ports['master']}", f"-filer=127.0.0.1:{ports['filer']}")
    found = SeaweedGateway(S3Address(f"http://127.0.0.1:{ports['s3']}", access, secret), shell)
    deadline = time.monotonic() + READY_SECONDS
    with contextlib.closing(found.client()) as client:
        while process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(ClientError, BotoCoreError):
                client.create_bucket(Bucket="ready")  # refused once it is there
            with contextlib.suppress(ClientError, BotoCoreError):
                client.put_object(Bucket="ready", Key="ready", Body=b"1")
                return found
            time.sleep(0.2)
    return None


def _port_with_its_twin() -> int:
    """A free port whose number and ten thousand is free as well: each part listens on both.

    Both below those that the system gives to whoever connects.
    """
    while True:
        port = 12_000 + secrets.randbelow(10_000)
        with contextlib.suppress(OSError), socket.socket() as one, socket.socket() as twin:
            one.bind(("127.0.0.1", port))
            twin.bind(("127.0.0.1", port + 10_000))
            return port
