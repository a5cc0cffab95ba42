"""Time stamps of a real authority, which OpenSSL plays, read by the library and by the stand-alone verifier."""

import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography.x509 import Certificate, load_pem_x509_certificate

from winddown.domain.errors import Refused, Transient
from winddown.evidence import verify
from winddown.evidence.bundle import bundle_bytes
from winddown.evidence.timestamp import TimeAuthority

YEAR = 365 * 86_400
TEXT = b"log.example\n3\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
# Without `certs`: the library refuses a set of certificates that is not sorted, as OpenSSL's is.
CONFIG = """
[ tsa ]
default_tsa = main
[ main ]
serial = serial
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
ess_cert_id_alg = sha256
"""
EXTENSIONS = "extendedKeyUsage=critical,timeStamping\nbasicConstraints=CA:FALSE\nkeyUsage=digitalSignature\n"
KEYS = {"rsa": ["rsa:2048"], "ec": ["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]}


def openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


class Authority:
    """A certificate authority, the time-stamping certificate under it, and what it answers to a query."""

    def __init__(self, folder: Path, key: str, *, extensions: str = EXTENSIONS) -> None:
        self.folder = folder
        (folder / "ts.cnf").write_text(CONFIG)
        (folder / "serial").write_text("01\n")
        (folder / "tsa.ext").write_text(extensions)
        new = ["req", "-nodes", "-newkey", *KEYS[key], "-sha256"]
        openssl(folder, *new, "-x509", "-days", "30", "-subj", "/CN=Test root", "-keyout", "ca.key", "-out", "ca.pem",
                "-addext", "keyUsage=critical,keyCertSign,cRLSign")  # fmt: skip
        openssl(folder, *new, "-subj", "/CN=Test TSA", "-keyout", "tsa.key", "-out", "tsa.csr")
        openssl(folder, "x509", "-req", "-in", "tsa.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                "-days", "20", "-sha256", "-extfile", "tsa.ext", "-out", "tsa.pem")  # fmt: skip
        self.certificate: Certificate = load_pem_x509_certificate((folder / "tsa.pem").read_bytes())

    def answer(self, query: bytes) -> bytes:
        (self.folder / "query").write_bytes(query)
        openssl(self.folder, "ts", "-reply", "-config", "ts.cnf", "-section", "main", "-queryfile", "query", "-signer",
                "tsa.pem", "-inkey", "tsa.key", "-out", "reply")  # fmt: skip
        return (self.folder / "reply").read_bytes()


@pytest.fixture(scope="module", params=sorted(KEYS))
def authority(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tsa"), request.param)


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[bytes], bytes]], str]]:
    serving: list[tuple[ThreadingHTTPServer, threading.Thread]] = []

    def start(answer: Callable[[bytes], bytes]) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                content = answer(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_arguments: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        serving.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}/"

    yield start
    for server, thread in serving:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def stamp(authority: Authority, serve: Callable[..., str]) -> bytes:
    return TimeAuthority.load(serve(authority.answer), authority.folder / "ca.pem").stamp(TEXT)


def test_a_stamp_is_taken_and_read_by_the_verifier(authority: Authority, stamp: bytes) -> None:
    at = verify.stamped_at(stamp, TEXT, authority.certificate)
    assert abs(at - datetime.now(UTC)) < timedelta(minutes=2)


def test_every_flipped_bit_of_what_a_stamp_signs_is_refused(authority: Authority, stamp: bytes) -> None:
    passed = []
    for place in range(len(stamp)):
        changed = stamp[:place] + bytes([stamp[place] ^ 1]) + stamp[place + 1 :]
        try:
            passed.append((place, verify.stamped_at(changed, TEXT, authority.certificate)))
        except verify.Rejected:
            continue
    true = verify.stamped_at(stamp, TEXT, authority.certificate)
    # What stands outside the signature (issuer and serial, certificates, versions) names nothing that is used.
    assert {at for _, at in passed} <= {true}
    for length in range(0, len(stamp), 7):
        with pytest.raises(verify.Rejected):
            verify.stamped_at(stamp[:length], TEXT, authority.certificate)


def test_a_stamp_of_another_text_or_another_authority_is_refused(
    authority: Authority, stamp: bytes, tmp_path: Path
) -> None:
    with pytest.raises(verify.Rejected, match="something else"):
        verify.stamped_at(stamp, TEXT + b"\n", authority.certificate)
    with pytest.raises(verify.Rejected):
        verify.stamped_at(stamp, TEXT, load_pem_x509_certificate((authority.folder / "ca.pem").read_bytes()))
    with pytest.raises(verify.Rejected):
        verify.stamped_at(stamp, TEXT, Authority(tmp_path, "ec").certificate)


def test_an_answer_that_does_not_verify_is_refused_and_silence_is_a_passing_fault(
    authority: Authority, serve: Callable[..., str], tmp_path: Path
) -> None:
    roots, replayed = authority.folder / "ca.pem", []

    def replay(query: bytes) -> bytes:
        replayed.append(authority.answer(query))
        return replayed[0]

    once = TimeAuthority.load(serve(replay), roots)
    once.stamp(TEXT)
    with pytest.raises(Refused, match="does not verify"):
        once.stamp(TEXT)  # The answer to an earlier question has another nonce.
    with pytest.raises(Refused, match="does not verify"):
        TimeAuthority.load(serve(lambda _query: b"rubbish"), roots).stamp(TEXT)
    Authority(tmp_path, "ec")
    with pytest.raises(Refused, match="does not verify"):
        TimeAuthority.load(serve(authority.answer), tmp_path / "ca.pem").stamp(TEXT)
    with pytest.raises(Transient, match="could not be asked"):
        TimeAuthority.load("http://127.0.0.1:9/", roots).stamp(TEXT)
    with pytest.raises(Refused, match="http"):
        TimeAuthority.load("file:///etc/passwd", roots).stamp(TEXT)
    with pytest.raises(Refused, match="no PEM"):
        TimeAuthority.load("http://127.0.0.1:9/", tmp_path / "none.pem")


def test_a_reader_who_demands_a_stamp_gets_one_of_this_checkpoint(
    case: Any, authority: Authority, serve: Callable[..., str]
) -> None:
    for step in case.steps.values():
        step["after"] -= 10 * YEAR  # The authority's clock is the machine's.
    files, certificates = case.files(), [authority.certificate]
    text = files["checkpoint.txt"].rpartition(b"\n\n")[0] + b"\n"
    asked = TimeAuthority.load(serve(authority.answer), authority.folder / "ca.pem")
    stamped = bundle_bytes({**files, "timestamps/a.tsr": asked.stamp(text)}, signers=case.signers)
    report = verify.verify(stamped, case.policy, authorities=certificates)
    assert (report.reasons, any("CN=Test TSA saw this checkpoint" in check for check in report.checks)) == ([], True)
    assert verify.verify(stamped, case.policy).notes == [
        "time: 1 time stamps were not looked at: no --authority was given"
    ]
    other = bundle_bytes({**files, "timestamps/a.tsr": asked.stamp(TEXT)}, signers=case.signers)
    for data in (other, case.bundle()):
        assert (
            "time stamp: none of CN=Test TSA" in verify.verify(data, case.policy, authorities=certificates).reasons[0]
        )
    case.steps["report"]["after"] += 90 * YEAR
    files = case.files()
    text = files["checkpoint.txt"].rpartition(b"\n\n")[0] + b"\n"
    later = bundle_bytes({**files, "timestamps/a.tsr": asked.stamp(text)}, signers=case.signers)
    said = verify.verify(later, case.policy, authorities=certificates).reasons
    assert said == ["checkpoint.txt: CN=Test TSA saw it before its last entry was made"]


def test_a_certificate_that_is_not_for_time_stamps_is_refused(
    authority: Authority, stamp: bytes, tmp_path: Path
) -> None:
    # The same key under a certificate for servers: the signature fits, the purpose does not.
    (tmp_path / "ext").write_text("extendedKeyUsage=serverAuth\n")
    openssl(authority.folder, "x509", "-req", "-in", "tsa.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
            "-days", "20", "-extfile", str(tmp_path / "ext"), "-out", str(tmp_path / "server.pem"))  # fmt: skip
    with pytest.raises(verify.Rejected, match="not one for time stamps"):
        verify.stamped_at(stamp, TEXT, load_pem_x509_certificate((tmp_path / "server.pem").read_bytes()))
