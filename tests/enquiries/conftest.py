"""A real mail server, and the worker."""

from collections.abc import Callable, Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from django_tasks_db.management.commands import db_worker


class MailServer(Controller):
    """
    An SMTP server on the loopback address, on a port that the system chooses.

    It keeps what it accepted in `messages`. `refuse` maps addresses to replies at RCPT, `reply` answers DATA
    instead of 250, `break_at` is the command at which it drops the connection, and `on_data` is called with each
    message before the reply.
    """

    def __init__(self) -> None:
        super().__init__(self, hostname="127.0.0.1", port=0)
        self.messages: list[EmailMessage] = []
        self.envelopes: list[tuple[str, list[str]]] = []
        self.refuse: dict[str, str] = {}
        self.reply = "250 OK"
        self.break_at = ""
        self.on_data: Callable[[], None] = lambda: None

    def _trigger_server(self) -> None:
        # The address of a server that asked for any port is known only now.
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()

    def stop(self, no_assert: bool = True) -> None:
        """Stop, once: a test may have taken the server down already."""
        if self._thread is not None:
            super().stop(no_assert=no_assert)

    async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:  # noqa: N802  # aiosmtpd's name
        if self.break_at == "MAIL":
            server.transport.abort()
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:  # noqa: N802
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        self.on_data()
        if self.reply.startswith("250"):
            self.messages.append(message_from_bytes(envelope.content, policy=policy.default))
            self.envelopes.append((envelope.mail_from, list(envelope.rcpt_tos)))
        if self.break_at == "DATA":
            server.transport.abort()
        return self.reply


@pytest.fixture
def mail_server(settings: Any) -> Iterator[MailServer]:
    """A mail server that the site uses for as long as the test runs."""
    server = MailServer()
    server.start()
    settings.MAILERS = {
        "default": {
            "BACKEND": "django.core.mail.backends.smtp.EmailBackend",
            "OPTIONS": {"host": "127.0.0.1", "port": server.port, "timeout": 5},
        }
    }
    yield server
    server.stop()


def run_worker() -> None:
    """Do what `manage.py db_worker --batch` does, in this process: every task that is due."""
    db_worker.Worker(
        queue_names=["default"],
        interval=0,
        batch=True,
        backend_name="default",
        startup_delay=False,
        max_tasks=None,
        worker_id="tests",
        excluded_queue_names=[],
    ).run()


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Give the worker, to be run when the test wants it."""
    # It would close the connection that the test's transaction is on.
    monkeypatch.setattr(db_worker, "close_old_connections", lambda: None)
    return run_worker
