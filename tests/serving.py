"""The site with its real content, as visitors meet it: a database of its own, and gunicorn in front of it."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote, urlsplit, urlunsplit

import pytest
from django.conf import settings
from django.db import connection

from casestudies.sample_content import load, read_pack

STOP_TIMEOUT = 20  # seconds


def missing(reason: str) -> None:
    """Skip where a developer lacks something, and fail where continuous integration does."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@contextmanager
def database_of_its_own(suffix: str) -> Iterator[None]:
    """
    Work on a copy of the test database until the end, then throw the copy away.

    What is stored there stays for many tests, and for other processes, without any other test meeting it.
    """
    original = connection.settings_dict["NAME"]
    connection.creation.clone_test_db(suffix=suffix, verbosity=0)
    connection.settings_dict["NAME"] = connection.creation.get_test_db_clone_settings(suffix)["NAME"]
    try:
        yield
    finally:
        connection.settings_dict["NAME"] = original
        connection.creation.destroy_test_db(suffix=suffix, verbosity=0)


def load_sample_content() -> None:
    """Store the whole pack, as `make run` does."""
    load(read_pack(settings.BASE_DIR / "sample_content"))


def database_url() -> str:
    """Give the address of the database that the tests use now, for another process."""
    name = quote(str(connection.settings_dict["NAME"]))
    return urlunsplit(urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}"))


@contextmanager
def served(*, log: Path, may_fail: bool = False, **environment: str) -> Iterator[str]:
    """
    Serve the site with gunicorn as a server does, and give its address; its messages go to `log`.

    Fails at the end when a request ended in an error that nobody caught, unless it may.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener, log.open("wb") as output:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "gunicorn", "--config", str(settings.BASE_DIR / "gunicorn.conf.py")),
                *("--bind", f"fd://{listener.fileno()}", "--log-level", "warning", "safetyhub.wsgi"),
            ],
            cwd=settings.BASE_DIR,
            env=os.environ
            | {"DATABASE_URL": database_url(), "SITE_URL": address, "WEB_CONCURRENCY": "1", "LOG_LEVEL": "WARNING"}
            | environment,
            pass_fds=[listener.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    # The port waits for gunicorn to take its first connection, and refuses it once gunicorn is gone.
    try:
        yield address
    finally:
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    messages = log.read_text(encoding="utf-8", errors="replace")
    if "Traceback" in messages and not may_fail:
        raise AssertionError(f"The site answered with an error that nobody caught:\n{messages[-6000:]}")


class RedisServer:
    """A Redis that listens on a socket in a directory of its own, and keeps nothing on disk."""

    def __init__(self, directory: str, program: str) -> None:
        # A short path: the kernel takes no more than some hundred bytes as the address of a socket.
        self.socket = f"{directory}/redis.sock"
        self.url = f"unix://{self.socket}"
        self.process = subprocess.Popen(
            [program, "--port", "0", "--unixsocket", self.socket, "--save", "", "--dir", directory],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        said = []
        for line in self.process.stdout or []:
            said.append(line)
            if "eady to accept connections" in line:
                return
        raise AssertionError(f"Redis does not start:\n{''.join(said)}")

    def kill(self) -> None:
        """End it as a crash does."""
        self.process.kill()
        self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()


@contextmanager
def redis_server() -> Iterator[RedisServer]:
    """Run the system's Redis, or Valkey, until the end."""
    program = next(filter(None, map(shutil.which, ("redis-server", "valkey-server"))), None)
    if program is None:
        missing("No Redis: install redis-server or valkey-server.")
        raise AssertionError("missing() does not return")
    with TemporaryDirectory(prefix="redis-") as directory:
        server = RedisServer(directory, program)
        try:
            yield server
        finally:
            server.kill()
