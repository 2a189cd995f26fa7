"""The PostgreSQL of a data directory: who starts it, who stops it, and where it listens."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from safetyhub.embedded import BASE_DIR, CannotStart, EmbeddedPostgres, data_directory, secret_key

# Starts the server of a data directory, says so, and stops it when told to: at the end of its input.
USER = """
import sys
from pathlib import Path
from safetyhub.embedded import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]), durable=False)
server.start()
print("started", flush=True)
sys.stdin.read()
server.stop()
"""


@pytest.fixture
def directory() -> Iterator[Path]:
    """
    A directory that is gone after the test.

    Not pytest's own: for root the server is another user, and each pytest that starts shuts others out of those.
    """
    with tempfile.TemporaryDirectory(prefix="safetyhub-") as path:
        yield Path(path)


def server_process(server: EmbeddedPostgres) -> psutil.Process:
    """Return the running server's process."""
    return psutil.Process(int((server.directory / "postmaster.pid").read_text().splitlines()[0]))


def answers(server: EmbeddedPostgres) -> bool:
    """Tell whether the database can be reached."""
    with psycopg.connect(server.conninfo()) as database:
        return database.execute("SELECT 1").fetchone() == (1,)


def other_user(data: Path) -> subprocess.Popen[str]:
    """Start another process that has started the server."""
    user = subprocess.Popen(
        [sys.executable, "-c", USER, str(data)],
        cwd=BASE_DIR,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert user.stdout
    assert user.stdout.readline() == "started\n"
    return user


def test_the_last_user_stops_it(directory):
    server = EmbeddedPostgres(directory, durable=False)
    with other_user(directory) as user:
        server.start()
        process = server_process(server)
        user.communicate()
        assert user.returncode == 0
    assert answers(server)
    server.stop()
    assert not process.is_running()
    server.stop()  # a second time does nothing


def test_a_server_left_by_a_killed_process_is_used_again_and_stopped(directory):
    with other_user(directory) as user:
        user.kill()
    server = EmbeddedPostgres(directory, durable=False)
    left = server_process(server)
    server.start()
    assert server_process(server) == left
    server.stop()
    assert not left.is_running()


def test_a_file_left_by_a_power_cut_does_not_hinder_a_start(directory):
    server = EmbeddedPostgres(directory, durable=False)
    server.start()
    server.stop()
    # The process id has meanwhile gone to somebody else: to this very test.
    (server.directory / "postmaster.pid").write_text(f"{os.getpid()}\n{server.directory}\n0\n5432\n\n\n\nready\n")
    server = EmbeddedPostgres(directory, durable=False)
    server.start()
    assert answers(server)
    server.stop()


@pytest.mark.parametrize("name", ["d" * 100, "with, comma", 'it\'s "quoted"'])
def test_a_directory_that_no_socket_can_be_in_has_it_elsewhere(directory, name, monkeypatch):
    data = directory / name
    data.mkdir()
    with tempfile.TemporaryDirectory() as runtime:
        monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
        server = EmbeddedPostgres(data, durable=False)
        server.start()
        try:
            assert answers(server)
            assert server.socket_directory.parent == Path(runtime)
            assert server.socket_directory.stat().st_mode & 0o777 == 0o700
            # Whoever comes later finds it, whatever its own runtime directory is.
            monkeypatch.delenv("XDG_RUNTIME_DIR")
            assert EmbeddedPostgres(data).url == server.url
        finally:
            server.stop()
        assert list(Path(runtime).iterdir()) == []


def test_no_place_for_the_socket_is_said(directory, monkeypatch):
    monkeypatch.setattr("safetyhub.embedded.LONGEST_SOCKET_PATH", 10)
    with pytest.raises(CannotStart, match="set SAFETYHUB_DATA_DIR to a shorter one"):
        EmbeddedPostgres(directory)


def test_order_and_words_do_not_depend_on_the_language_of_the_machine(directory, monkeypatch):
    monkeypatch.setenv("LC_ALL", "C")
    server = EmbeddedPostgres(directory, durable=False)
    server.start()
    try:
        with psycopg.connect(server.conninfo()) as database:
            row = database.execute(
                "SELECT current_setting('server_encoding'), lower('ÉCOLE'), "
                "to_tsvector('english', '“Safe” – naïve')::text"
            ).fetchone()
    finally:
        server.stop()
    assert row == ("UTF8", "école", "'naïv':2 'safe':1")


def test_queries_on_several_processes_work(directory):
    """Processes that help with a large query read the server's settings again, and stop at one they cannot read."""
    server = EmbeddedPostgres(directory, durable=False)
    server.start()
    try:
        with psycopg.connect(server.conninfo()) as database:
            database.execute("SET debug_parallel_query = on")
            assert database.execute("SELECT count(*) FROM pg_class").fetchone() > (0,)
    finally:
        server.stop()


def test_data_of_another_version_is_left_alone(directory):
    (directory / "postgres").mkdir()
    (directory / "postgres" / "PG_VERSION").write_text("16\n")
    with pytest.raises(CannotStart, match="belongs to PostgreSQL 16, and this is 18"):
        EmbeddedPostgres(directory).start()


def test_the_data_directory_is_private_and_its_secret_stays(directory, monkeypatch):
    monkeypatch.setenv("SAFETYHUB_DATA_DIR", str(directory / "new" / "data"))
    data = data_directory()
    assert data.stat().st_mode & 0o077 == 0
    assert secret_key(data) == secret_key(data)
    assert len(secret_key(data)) >= 50
