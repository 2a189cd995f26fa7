"""
The portal on a machine of one's own: `make run`, or `python -m safetyhub.run`.

Prepares the data directory, then serves with gunicorn and a background worker until Ctrl-C or SIGTERM, and
leaves no process behind. What stops a start is one line on stderr and exit status 1.
"""

import contextlib
import ctypes
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import NoReturn

import django
from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import Error, connections

from safetyhub.embedded import (
    BASE_DIR,
    STOP_TIMEOUT,
    CannotStart,
    data_directory,
    one_line,
    port,
    use_local_environment,
    write_private,
)

STAFF = "admin"
READY_TIMEOUT = 60  # seconds until the site must answer
LONG_ENOUGH = 10  # seconds of life after which a worker's end is no start-up failure
LONGEST_PAUSE = 30  # seconds between two starts of a worker that keeps failing

# Where Linux is, the children end with this process even when it is killed outright.
PR_SET_PDEATHSIG = 1
libc = ctypes.CDLL(None) if sys.platform == "linux" else None


class Stopped(BaseException):
    """Somebody asked for the end. Not an Exception, so that nothing on the way takes it for a failure."""


class Signals:
    """
    Turns the first Ctrl-C, SIGTERM or SIGHUP into Stopped, and ignores the rest while things come to their end.

    A terminal sends Ctrl-C to every process of the group and `make` passes SIGTERM on: it often comes twice.
    """

    NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def __init__(self) -> None:
        self._held = False
        self._requested = False
        for number in self.NUMBERS:
            signal.signal(number, self._receive)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self.ignore()
        self._requested = True
        if not self._held:
            raise Stopped

    def ignore(self) -> None:
        """Let nothing disturb the end."""
        for number in self.NUMBERS:
            signal.signal(number, signal.SIG_IGN)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Let no signal come between a start and its being known here."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
        if self._requested:
            raise Stopped


class Child:
    """A process of ours, in a session of its own: Ctrl-C in the terminal reaches it only through us."""

    def __init__(self, name: str, *command: str, keep_open: int | None = None) -> None:
        self.name = name
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, *command],
            cwd=BASE_DIR,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=() if keep_open is None else (keep_open,),
            preexec_fn=end_with_parent,  # safe: no other thread runs here yet
        )

    def ended(self) -> bool:
        """Tell whether the process is gone."""
        return self.process.poll() is not None

    def kill(self) -> None:
        """End the process and all that it started, now."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def end_with_parent() -> None:
    """Have the kernel end this new child when its parent dies, however it dies."""
    if libc is not None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def say(line: str) -> None:
    """Tell the person at the terminal, if it is still there."""
    with contextlib.suppress(OSError):
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


def listen(number: int) -> socket.socket:
    """
    Take the port before anything else, and keep it, so that nobody gets in between.

    Raises CannotStart when it is in use or not ours to take.
    """
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", number))
        listener.listen(1024)
    except OSError as error:
        listener.close()
        raise CannotStart(f"Port {number} cannot be used ({error.strerror}): set PORT to another.") from error
    return listener


def prepare(data: Path, whose: str) -> str:
    """
    Bring the database up to date and fill it the first time; return the line about the staff login.

    `whose` says in a message which database it is. Raises CannotStart, or a database error, when that cannot be done.
    """
    django.setup()
    if not (settings.STATIC_ROOT / "staticfiles.json").exists():
        raise CannotStart("The style sheets are not built: start with make run.")
    try:
        connections["default"].ensure_connection()
        call_command("migrate", interactive=False, verbosity=0)
        # Only an empty portal is filled: what staff have changed or removed since stays as they left it.
        if not apps.get_model("casestudies.CaseStudy")._default_manager.exists():
            call_command("load_sample_content")
        call_command("retry_enquiries", verbosity=0)  # what a worker killed last time left
        return staff_login(data)
    except Error as error:
        raise CannotStart(f"The database {whose} cannot be used: {one_line(error)}") from error
    except CommandError as error:
        raise CannotStart(one_line(error)) from error
    finally:
        connections.close_all()


def staff_login(data: Path) -> str:
    """Make the staff login of a new database, and return the line that says what it is."""
    path = data / "staff-login.txt"
    users = get_user_model()._default_manager
    staff = users.filter(username=STAFF).first()
    if staff is None:
        password = secrets.token_urlsafe(12)
        write_private(path, f"{STAFF}\n{password}\n")
        get_user_model().objects.create_superuser(STAFF, password=password)
    else:
        password = path.read_text(encoding="utf-8").splitlines()[-1] if path.exists() else ""
        if not staff.check_password(password):
            return f"{STAFF}, with the password that was set for it"
    return f"{STAFF}, password {password} (made for this data directory, kept in {path})"


def start_site(listener: socket.socket) -> Child:
    """Start gunicorn on the port that is already ours."""
    number = listener.fileno()
    return Child(
        "gunicorn",
        *("-m", "gunicorn"),
        *("--config", str(BASE_DIR / "gunicorn.conf.py")),
        *("--bind", f"fd://{number}"),
        *("--log-level", "warning"),
        *("--graceful-timeout", str(STOP_TIMEOUT - 2)),
        "safetyhub.wsgi",
        keep_open=number,
    )


def start_worker() -> Child:
    """Start the process that carries out what is queued, such as mail."""
    return Child("worker", "manage.py", "db_worker", "--no-reload")


def wait_until_ready(site: Child, address: str) -> None:
    """Return when the site says that it can serve. Raises CannotStart when it ends, or takes too long."""
    deadline = time.monotonic() + READY_TIMEOUT
    while True:
        try:
            # Not through a proxy that the environment may name: this is our own machine.
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with opener.open(f"{address}/readyz", timeout=5):
                return
        except urllib.error.HTTPError as error:
            answer = one_line(error)
        except OSError as error:
            answer = one_line(error)
        if site.ended():
            raise CannotStart("gunicorn ended at once; its messages are above.")
        if time.monotonic() > deadline:
            raise CannotStart(f"The site is not ready after {READY_TIMEOUT} s: {answer}")
        time.sleep(0.1)


def make_listens(process: int) -> bool:
    """
    Tell whether the make that started us still handles SIGINT, as far as Linux shows it.

    A make that is killed has gone. One that gets SIGINT alone, not with its whole terminal, tells nobody: it
    stops to catch the signal, and waits for its command for ever.
    """
    try:
        status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    except OSError:
        return False
    caught = re.search(r"^SigCgt:\s*([0-9a-f]+)$", status, flags=re.MULTILINE)
    return caught is not None and bool(int(caught[1], 16) >> (signal.SIGINT - 1) & 1)


def watch(children: list[Child], signals: Signals, make: int | None) -> NoReturn:
    """
    Start the worker again when it ends; give up when gunicorn does, or the make that started us.

    Leaves by Stopped or CannotStart.
    """
    failures, start_again = 0, None
    while True:
        time.sleep(0.5)
        if make and not make_listens(make):
            signals.ignore()
            raise Stopped
        for child in [child for child in children if child.ended()]:
            if child.name == "gunicorn":
                raise CannotStart(f"gunicorn ended by itself (exit status {child.process.returncode}).")
            children.remove(child)
            failures = 0 if time.monotonic() - child.started > LONG_ENOUGH else failures + 1
            pause = min(2**failures - 1, LONGEST_PAUSE)
            start_again = time.monotonic() + pause
            say(f"The worker ended (exit status {child.process.returncode}); it starts again in {pause} s.")
        if start_again is not None and time.monotonic() >= start_again:
            start_again = None
            with signals.held():
                children.append(start_worker())


def end(children: list[Child]) -> None:
    """End the children: all are asked at once, and what is still there after STOP_TIMEOUT seconds is killed."""
    for child in children:
        child.process.terminate()
    deadline = time.monotonic() + STOP_TIMEOUT
    for child in children:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.process.wait(max(deadline - time.monotonic(), 0))
        child.kill()  # also what gunicorn may have left of its own


def serve(signals: Signals) -> NoReturn:
    """Run everything. Leaves by Stopped, or by an error that says in one line why it could not go on."""
    parent = os.getppid()
    make = parent if "MAKELEVEL" in os.environ and make_listens(parent) else None
    data = data_directory()
    address = f"http://127.0.0.1:{port()}"
    with listen(port()) as listener, contextlib.ExitStack() as to_end:
        with signals.held():
            if server := use_local_environment(stop_at_exit=False):
                to_end.callback(server.stop)
        children: list[Child] = []
        to_end.callback(end, children)
        to_end.callback(signals.ignore)  # first of the three
        login = prepare(data, f"in {server.directory}" if server else "of DATABASE_URL")
        with signals.held():
            children.append(start_site(listener))
            children.append(start_worker())
        wait_until_ready(children[0], address)
        say(f"\nThe portal is at   {address}/")
        say(f"Staff sign in at   {address}/admin/ as {login}")
        say(f"Mail and files in  {data}")
        say("Ctrl-C stops everything.\n")
        watch(children, signals, make)


def main() -> int:
    """Run the portal; return the exit status."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "safetyhub.settings")
    signals = Signals()
    try:
        serve(signals)
    except Stopped:
        say("Stopped.")
        return 0
    except ImproperlyConfigured as error:
        sys.stderr.write(f"make run: {error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
