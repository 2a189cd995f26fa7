"""The portal as started from the command line, and what it says when it cannot start."""

import os
import pty
import select
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from safetyhub.embedded import BASE_DIR, EmbeddedPostgres

PATIENCE = 120  # seconds; a busy machine is slow, and a broken one must not hang

pytestmark = pytest.mark.timeout(8 * PATIENCE)  # each test waits a few times


def free_port() -> int:
    """Return a port that nobody uses at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(data: Path, **changes: str) -> dict[str, str]:
    """Return the environment of a person who has set nothing but the data directory."""
    kept = {name: os.environ[name] for name in ("HOME", "LANG", "PATH", "VIRTUAL_ENV") if name in os.environ}
    return kept | {"SAFETYHUB_DATA_DIR": str(data), "PORT": str(free_port()), "WEB_CONCURRENCY": "1"} | changes


def processes_of(data: Path) -> list[str]:
    """Return the command lines of all processes that work on a data directory, whoever started them."""
    found = []
    for process in psutil.process_iter():
        try:
            ours = str(data) in process.environ().get("SAFETYHUB_DATA_DIR", "") or any(
                str(data) in word for word in process.cmdline()
            )
            if ours and process.status() != psutil.STATUS_ZOMBIE:
                found.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return found


@pytest.fixture
def data() -> Iterator[Path]:
    """
    A data directory that is gone after the test.

    Not in pytest's own: for root PostgreSQL is another user, and each pytest that starts shuts others out of those.
    """
    with tempfile.TemporaryDirectory(prefix="safetyhub-") as path:
        yield Path(path) / "data"


class Portal:
    """A running `python -m safetyhub.run` in a terminal of its own."""

    def __init__(self, data: Path, *command: str, **changes: str) -> None:
        self.environment = environment(data, **changes)
        self.address = f"http://127.0.0.1:{self.environment['PORT']}"
        self.output = ""
        self.terminal, other_end = pty.openpty()
        self.process = subprocess.Popen(
            command or [sys.executable, "-m", "safetyhub.run"],
            cwd=BASE_DIR,
            env=self.environment,
            stdin=other_end,
            stdout=other_end,
            stderr=other_end,
            # A session whose controlling terminal this is, so that Ctrl-C means what it means to a person.
            start_new_session=True,
            preexec_fn=lambda: os.close(os.open(os.ttyname(0), os.O_RDWR)),
        )
        os.close(other_end)

    def read_until(self, words: str | None) -> str:
        """Read what is said until it has the words, or to the end; return all of it."""
        deadline = time.monotonic() + PATIENCE
        while words is None or words not in self.output:
            if not select.select([self.terminal], [], [], max(deadline - time.monotonic(), 0))[0]:
                pytest.fail(f"{words!r} was not said in {PATIENCE} s, but:\n{self.output}")
            try:
                said = os.read(self.terminal, 4096)
            except OSError:  # the other end is closed: everybody has gone
                said = b""
            if not said:
                if words is not None:
                    pytest.fail(f"It ended without saying {words!r}:\n{self.output}")
                break
            self.output += said.decode()
        return self.output

    def started(self) -> "Portal":
        """Return when it says where it is and that it can be stopped."""
        self.read_until("Ctrl-C stops everything.")
        return self

    def press_ctrl_c(self) -> None:
        """Press Ctrl-C at its terminal, which tells every process of the foreground."""
        os.write(self.terminal, b"\x03")

    def wait(self) -> int:
        """Return the exit status once it has ended."""
        self.read_until(None)
        return self.process.wait(PATIENCE)

    def get(self, path: str) -> tuple[int, str]:
        """Ask for a page; return status and text."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(f"{self.address}{path}", timeout=PATIENCE) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()


@pytest.fixture
def portal() -> Iterator[type[Portal]]:
    """Start portals that are gone after the test, whatever happens."""
    started: list[Portal] = []

    class Started(Portal):
        def __init__(self, *arguments: object, **changes: str) -> None:
            super().__init__(*arguments, **changes)
            started.append(self)

    yield Started
    for one in started:
        if one.process.poll() is None:
            one.process.terminate()
            one.wait()
        os.close(one.terminal)


def health(environment: dict[str, str]) -> int:
    """Return the exit status of a container's health check."""
    return subprocess.run(
        [sys.executable, "-m", "safetyhub.healthcheck"],
        cwd=BASE_DIR,
        env=environment | {"ALLOWED_HOSTS": "localhost,127.0.0.1"},
        check=False,
    ).returncode


def worker_of(portal: Portal) -> psutil.Process:
    """Return the background worker of a running portal."""
    children = psutil.Process(portal.process.pid).children()
    return next(child for child in children if "db_worker" in child.cmdline())


def test_it_serves_keeps_its_data_and_leaves_nothing_behind(portal, data):
    first = portal(data).started()
    assert first.get("/readyz") == (200, "ok\n")
    assert health(first.environment) == 0
    login = (data / "staff-login.txt").read_text().splitlines()
    assert f"{first.address}/admin/ as {login[0]}, password {login[1]}" in first.output
    assert "Sample content: created" in first.output
    assert (data / "staff-login.txt").stat().st_mode & 0o777 == 0o600
    assert (data / "secret-key.txt").stat().st_mode & 0o777 == 0o600
    key = (data / "secret-key.txt").read_text()
    with psycopg.connect(EmbeddedPostgres(data).conninfo()) as database:
        database.execute("UPDATE casestudies_theme SET name = 'Renamed by staff' WHERE slug = 'never-events'")
    first.process.terminate()
    assert first.wait() == 0
    assert health(first.environment) == 1
    assert processes_of(data) == []

    second = portal(data).started()
    assert "Sample content" not in second.output
    assert f"as {login[0]}, password {login[1]}" in second.output
    assert (data / "secret-key.txt").read_text() == key
    with psycopg.connect(EmbeddedPostgres(data).conninfo()) as database:
        names = database.execute("SELECT name FROM casestudies_theme WHERE slug = 'never-events'").fetchall()
    assert names == [("Renamed by staff",)]
    worker_of(second).kill()
    second.read_until("The worker ended (exit status -9); it starts again")
    second.press_ctrl_c()
    second.press_ctrl_c()
    assert second.wait() == 0
    assert processes_of(data) == []

    # Killed outright, it cannot stop anything; the kernel ends its children, and the next start finds the database.
    third = portal(data).started()
    children = psutil.Process(third.process.pid).children()
    third.process.kill()
    psutil.wait_procs([child for child in children if child.name() != "postgres"], timeout=PATIENCE)
    left = processes_of(data)
    assert left
    assert all("postgres" in command for command in left)

    # However it is started: make passes SIGTERM on, and waits.
    fourth = portal(data, *([] if sys.prefix != str(BASE_DIR / ".venv") else ["make", "run"])).started()
    assert fourth.get(f"/case-studies/?q={'a' * 10_000}")[1].count("</html>") == 1
    assert fourth.get(f"/case-studies/?q={'a' * 200_000}")[0] == 414
    fourth.process.terminate()
    fourth.wait()
    assert processes_of(data) == []


def fails(data: Path, *command: str, **changes: str) -> str:
    """Start something that cannot start; return its one line on stderr."""
    done = subprocess.run(
        [sys.executable, *(command or ("-m", "safetyhub.run"))],
        cwd=BASE_DIR,
        env=environment(data, **changes),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith("\n")
    assert processes_of(data) == []
    return done.stderr.removesuffix("\n")


def test_a_port_in_use_is_said(tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert fails(tmp_path, PORT=str(port)) == (
            f"make run: Port {port} cannot be used (Address already in use): set PORT to another."
        )


@pytest.mark.parametrize("port", ["0", "65536", "http", "80 80", "-1", "８０"])
def test_a_port_that_is_no_port_is_said(tmp_path, port):
    assert fails(tmp_path, PORT=port) == f"make run: PORT must be a number from 1 to 65535, not {port!r}."


def test_a_data_directory_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").touch()
    data = tmp_path / "file" / "data"
    assert fails(data) == (
        f"make run: The data directory {data} cannot be written (Not a directory). "
        "Set SAFETYHUB_DATA_DIR to one that can."
    )


def test_a_database_that_does_not_answer_is_said_without_its_password(tmp_path):
    nobody = f"postgres://someone:secret@127.0.0.1:{free_port()}/name"
    line = fails(tmp_path, DATABASE_URL=nobody)
    assert line.startswith("make run: The database of DATABASE_URL cannot be used: connection failed")
    assert "\n" not in line
    assert "secret" not in line


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("nonsense", 'Environment variable "DATABASE_URL" invalid: Not a valid database URL.'),
        ("sqlite:///name", "DATABASE_URL must be a PostgreSQL address: postgres://user:password@host/name."),
    ],
)
def test_an_address_that_is_no_database_is_said(tmp_path, url, reason):
    assert fails(tmp_path, DATABASE_URL=url).startswith(f"make run: {reason}")


def test_a_server_that_lacks_a_setting_says_which(tmp_path):
    line = fails(tmp_path, "manage.py", "check", DATABASE_URL="postgres:///name")
    assert line == (
        "manage.py: Set SECRET_KEY: a long random text that nobody else knows. .env.example lists every variable."
    )


def test_a_command_without_data_starts_no_database(tmp_path):
    done = subprocess.run(
        [sys.executable, "manage.py", "findstatic", "--help"],
        cwd=BASE_DIR,
        env=environment(tmp_path),
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.startswith("usage:")
    assert not (tmp_path / "postgres").exists()
