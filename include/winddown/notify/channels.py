"""Ways in which people are told: a log, or mail. What is told is counts, rule ids and dates, never personal data."""

import logging
import smtplib
from collections.abc import Callable
from contextlib import suppress
from email.message import EmailMessage
from urllib.parse import SplitResult, unquote, urlsplit

from winddown.domain.errors import Refused, Transient

_SECONDS = 20.0
_SUBMISSION, _TLS = 587, 465
_log = logging.getLogger("winddown.notify")


class LogChannel:
    """Writes into the log of whoever runs it."""

    def tell(self, subject: str, lines: tuple[str, ...]) -> None:
        """Write the subject and each line."""
        for line in (subject, *lines):
            _log.warning("%s", line)


class MailChannel:
    """Sends mail through a server that is named by a URL, ``smtp://user:password@host:587`` or ``smtps://…``.

    ``smtp`` turns encryption on before anything is said, and refuses a server that cannot; only a server on this very
    machine may do without. Nothing is sent when a channel is built.
    """

    def __init__(self, server: Callable[[], str], *, sender: str, recipients: tuple[str, ...]) -> None:
        if not sender or not recipients:
            raise Refused(
                "mail has no sender or no recipients", next_step="set WINDDOWN_NOTIFY_FROM and WINDDOWN_NOTIFY_TO"
            )
        self._server = server
        self._sender = sender
        self._recipients = recipients

    def tell(self, subject: str, lines: tuple[str, ...]) -> None:
        """Send one mail; raises Transient when the server does not take it."""
        message = EmailMessage()
        message["Subject"], message["From"], message["To"] = subject, self._sender, ", ".join(self._recipients)
        message.set_content("\n".join((subject, "", *lines)) + "\n")
        address = urlsplit(self._server())
        try:
            with _connected(address) as connection:
                if address.username:
                    connection.login(unquote(address.username), unquote(address.password or ""))
                connection.send_message(message)
        except (OSError, smtplib.SMTPException) as error:
            # The error of a server may repeat what it was told; its kind says enough.
            raise Transient(f"the mail server did not take the message ({type(error).__name__})") from None


def _connected(address: SplitResult) -> smtplib.SMTP:
    host = address.hostname or "localhost"
    if address.scheme == "smtps":
        return smtplib.SMTP_SSL(host, address.port or _TLS, timeout=_SECONDS)
    connection = smtplib.SMTP(host, address.port or _SUBMISSION, timeout=_SECONDS)
    try:
        if host not in {"localhost", "127.0.0.1", "::1"}:
            connection.starttls()
    except (OSError, smtplib.SMTPException):
        with suppress(OSError, smtplib.SMTPException):
            connection.quit()
        raise
    return connection
