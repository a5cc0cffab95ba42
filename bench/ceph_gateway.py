"""A Ceph RGW for tests and benchmarks, from the distribution's packages: a monitor, an OSD in memory, a gateway.

It enforces what the embedded service only pretends: users, policies, Object Lock, SSE-C, SSE-KMS, lifecycle. A day of a
lifecycle rule lasts four seconds in it.
"""

import base64
import contextlib
import json
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from winddown.demo.servers import S3Address

READY_SECONDS = 90
DAY_SECONDS = 4
KMS_KEY = "contract-key"
PROGRAMS = ("ceph", "ceph-authtool", "ceph-mon", "ceph-osd", "monmaptool", "radosgw", "radosgw-admin")

_CONFIGURATION = """
[global]
fsid = {fsid}
mon_initial_members = a
mon_host = [v2:127.0.0.1:{monitor}]
keyring = {folder}/keyring
run_dir = {folder}
admin_socket =
pid_file =
log_file =
log_to_stderr = false
err_to_stderr = false
auth_cluster_required = cephx
auth_service_required = cephx
auth_client_required = cephx
mon_data = {folder}/mon
mon_data_avail_crit = 0
mon_allow_pool_size_one = true
osd_data = {folder}/osd
osd_objectstore = memstore
memstore_device_bytes = {memory_bytes}
osd_crush_chooseleaf_type = 0
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 1
osd_pool_default_pgp_num = 1
osd_pool_default_pg_autoscale_mode = off
[client]
rgw_frontends = beast endpoint=127.0.0.1:{gateway} tcp_nodelay=1
rgw_relaxed_region_enforcement = true
rgw_run_sync_thread = false
rgw_override_bucket_index_max_shards = {shards}
rgw_dynamic_resharding = false
rgw_lc_debug_interval = {day_seconds}
rgw_crypt_require_ssl = false
rgw_crypt_s3_kms_backend = testing
rgw_crypt_s3_kms_encryption_keys = {kms_key}={kms_secret}
"""


@dataclass(frozen=True, slots=True)
class Gateway:
    """A running gateway; ``address`` has the keys of the user who owns all buckets."""

    address: S3Address
    configuration: Path

    def user(self, name: str) -> S3Address:
        """Make another user, who may do what policies allow."""
        return S3Address(self.address.endpoint_url, *_make_user(self.configuration, name))

    def client(self, address: S3Address | None = None) -> Any:
        """A client for a user, the owner by default.

        Checksums go only where they are required: with each write, botocore would wait a tenth of a second for this
        gateway to say that it goes on.
        """
        return client_of(address or self.address, "default", request_checksum_calculation="when_required")


def client_of(address: S3Address, region: str, **more: Any) -> Any:
    """A client of a service at an address; ``more`` is botocore's configuration."""
    return boto3.client(
        "s3",
        endpoint_url=address.endpoint_url,
        aws_access_key_id=address.access_key,
        aws_secret_access_key=address.secret_key,
        region_name=region,
        config=Config(s3={"addressing_style": "path"}, max_pool_connections=16, **more),
    )


def lacking() -> list[str]:
    """Programs of Ceph that are not installed."""
    return [name for name in PROGRAMS if shutil.which(name) is None]


@contextlib.contextmanager
def ceph_gateway(*, memory_bytes: int = 1 << 30, shards: int = 1) -> Iterator[Gateway]:
    """Start a cluster in a folder of its own, yield its gateway, and end what was started.

    Args:
        memory_bytes: the most that all objects together may take.
        shards: of each bucket's index; one lists quickest, Ceph's own default of eleven changes quickest.
    """
    with tempfile.TemporaryDirectory(prefix="winddown-ceph-") as name, contextlib.ExitStack() as running:
        folder = Path(name)
        for part in ("mon", "osd"):
            (folder / part).mkdir()
        configuration, fsid, port = folder / "ceph.conf", str(uuid.uuid4()), _free_port()
        monitor = _free_port()
        secret = base64.b64encode(secrets.token_bytes(32)).decode()
        configuration.write_text(
            _CONFIGURATION.format(
                fsid=fsid, folder=folder, monitor=monitor, gateway=port, memory_bytes=memory_bytes, shards=shards,
                day_seconds=DAY_SECONDS, kms_key=KMS_KEY, kms_secret=secret,
            )
        )  # fmt: skip
        _make_keys(folder)
        _run("monmaptool", "--create", "--fsid", fsid, "--addv", "a", f"[v2:127.0.0.1:{monitor}]", f"{folder}/monmap")
        conf = ("-c", str(configuration))
        _run("ceph-mon", *conf, "--mkfs", "-i", "a", "--monmap", f"{folder}/monmap", "--keyring", f"{folder}/keyring")
        _start(running, "ceph-mon", *conf, "-i", "a", "-f")
        osd = str(uuid.uuid4())
        _run("ceph", *conf, "osd", "new", osd, "0")
        _run("ceph", *conf, "auth", "import", "-i", f"{folder}/keyring")
        _run("ceph-osd", *conf, "-i", "0", "--mkfs", "--osd-uuid", osd)
        _start(running, "ceph-osd", *conf, "-i", "0", "-f")
        _start(running, "radosgw", *conf, "-n", "client.rgw.a", "-f")
        _await(port)
        yield Gateway(S3Address(f"http://127.0.0.1:{port}", *_make_user(configuration, "root")), configuration)


def _make_keys(folder: Path) -> None:
    keyring = str(folder / "keyring")
    _run("ceph-authtool", "--create-keyring", keyring, "--gen-key", "-n", "mon.", "--cap", "mon", "allow *")
    for name, mon, osd in (
        ("client.admin", "allow *", "allow *"),
        ("osd.0", "allow profile osd", "allow *"),
        ("client.rgw.a", "allow rw", "allow rwx"),
    ):
        _run("ceph-authtool", keyring, "--gen-key", "-n", name, "--cap", "mon", mon, "--cap", "osd", osd)


def _make_user(configuration: Path, name: str) -> tuple[str, str]:
    made = _run("radosgw-admin", "-c", str(configuration), "user", "create", f"--uid={name}", f"--display-name={name}")
    keys = json.loads(made)["keys"][0]
    return keys["access_key"], keys["secret_key"]


def _run(*command: str) -> bytes:
    return subprocess.run(command, check=True, capture_output=True, timeout=READY_SECONDS).stdout


def _start(running: contextlib.ExitStack, *command: str) -> None:
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def end() -> None:
        # Nothing of it is kept, so nothing needs to be written in peace.
        process.kill()
        process.wait()

    running.callback(end)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _await(port: int) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    raise AssertionError("Ceph's gateway did not start")
