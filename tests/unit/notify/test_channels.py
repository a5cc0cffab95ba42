"""How people are told: into a log, or by mail through a server that is encrypted or this machine's own."""

import smtplib
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from winddown.bootstrap import deploy
from winddown.connections import ConnectionParameters
from winddown.domain.errors import Refused, Transient
from winddown.notify.channels import LogChannel, MailChannel
from winddown.settings import Settings, load

LINES = ("c-1 DL-LAB-50 is overdue since 2026-11-17",)


class _Server(socketserver.TCPServer):
    """The least that SMTP asks for; keeps what it was told."""

    allow_reuse_address = True

    def __init__(self, *, refuses: bool = False) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.refuses = refuses
        self.mails: list[str] = []


class _Session(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        server = self.server
        assert isinstance(server, _Server)
        self.wfile.write(b"220 here\r\n")
        for line in self.rfile:
            if line.upper().startswith(b"DATA"):
                self.wfile.write(b"354 go\r\n")
                server.mails.append("".join(text.decode() for text in iter(self.rfile.readline, b".\r\n")))
            elif line.upper().startswith(b"MAIL") and server.refuses:
                self.wfile.write(b"550 not from secret@example.com\r\n")
                continue
            self.wfile.write(b"221 bye\r\n" if line.upper().startswith(b"QUIT") else b"250 ok\r\n")


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[_Server]:
    with _Server(refuses=getattr(request, "param", False)) as found:
        thread = threading.Thread(target=found.serve_forever, daemon=True)
        thread.start()
        yield found
        found.shutdown()


def mail(server: _Server) -> MailChannel:
    port = server.server_address[1]
    return MailChannel(lambda: f"smtp://127.0.0.1:{port}", sender="w@example.com", recipients=("a@x.cn", "b@x.cn"))


def test_the_log_gets_the_subject_and_each_line(caplog: pytest.LogCaptureFixture) -> None:
    LogChannel().tell("winddown: 1 overdue", LINES)
    assert [record.message for record in caplog.records] == ["winddown: 1 overdue", *LINES]


def test_mail_carries_the_same_to_every_recipient(server: _Server) -> None:
    mail(server).tell("winddown: 1 overdue", LINES)
    (text,) = server.mails
    assert "Subject: winddown: 1 overdue" in text
    assert "To: a@x.cn, b@x.cn" in text
    assert LINES[0] in text


@pytest.mark.parametrize("server", [True], indirect=True)
def test_a_server_that_refuses_is_tried_again_later_and_its_words_are_not_repeated(server: _Server) -> None:
    with pytest.raises(Transient) as failed:
        mail(server).tell("winddown", LINES)
    assert "secret" not in str(failed.value)
    assert server.mails == []


def test_nobody_there_is_tried_again_later() -> None:
    with pytest.raises(Transient, match="ConnectionRefusedError"):
        MailChannel(lambda: "smtp://127.0.0.1:9", sender="w@x.cn", recipients=("a@x.cn",)).tell("s", LINES)


def test_a_server_elsewhere_is_spoken_to_only_encrypted(server: _Server, monkeypatch: pytest.MonkeyPatch) -> None:
    port = int(server.server_address[1])
    real = smtplib.SMTP

    def redirected(_host: str, _port: int, *, timeout: float) -> smtplib.SMTP:
        return real("127.0.0.1", port, timeout=timeout)

    monkeypatch.setattr(smtplib, "SMTP", redirected)
    channel = MailChannel(lambda: "smtp://mail.example.com", sender="w@x.cn", recipients=("a@x.cn",))
    with pytest.raises(Transient, match="SMTPNotSupportedError"):
        channel.tell("s", LINES)
    assert server.mails == []


class _Connections:
    def __init__(self, url: str) -> None:
        self.url = url

    def find(self, name: str) -> ConnectionParameters | None:
        return ConnectionParameters(url=self.url) if self.url and name == "winddown_mail" else None


def settings(tmp_path: Path, **environment: str) -> Settings:
    return load({"WINDDOWN_WORKSPACE": str(tmp_path), **environment})


MAIL = {"WINDDOWN_NOTIFY": "mail", "WINDDOWN_NOTIFY_FROM": "w@x.cn", "WINDDOWN_NOTIFY_TO": "a@x.cn, b@x.cn"}


def test_settings_choose_the_channel(tmp_path: Path, server: _Server) -> None:
    assert isinstance(deploy(_Connections(""), settings=settings(tmp_path)).notifier, LogChannel)
    url = f"smtp://127.0.0.1:{server.server_address[1]}"
    deploy(_Connections(url), settings=settings(tmp_path, **MAIL)).notifier.tell("s", LINES)
    assert "To: a@x.cn, b@x.cn" in server.mails[0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"WINDDOWN_NOTIFY": "pigeon"}, "'pigeon' is neither log nor mail"),
        ({"WINDDOWN_NOTIFY_FROM": ""}, "no sender"),
        ({"WINDDOWN_NOTIFY_TO": " , "}, "no recipients"),
    ],
)
def test_a_channel_that_cannot_tell_is_refused_at_once(tmp_path: Path, change: dict[str, str], said: str) -> None:
    with pytest.raises(Refused, match=said):
        deploy(_Connections(""), settings=settings(tmp_path, **MAIL | change))


def test_an_unknown_mail_server_is_named_when_mail_is_sent(tmp_path: Path) -> None:
    notifier = deploy(_Connections(""), settings=settings(tmp_path, **MAIL)).notifier
    with pytest.raises(Refused, match="winddown_mail"):
        notifier.tell("s", LINES)
