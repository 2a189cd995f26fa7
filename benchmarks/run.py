"""
Measures the site as a server runs it: `make bench`, or `python -m benchmarks.run 1000 10000`.

README.md says what is measured and how. Everything happens on 127.0.0.1 and stops by itself; what keeps it from
measuring is one line on stderr and exit status 1.
"""

import argparse
import contextlib
import gzip
import hashlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from statistics import mean, median
from types import FrameType
from typing import Any

import psutil
import psycopg
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from benchmarks.addresses import Addresses, addresses
from benchmarks.generator import SIZES
from safetyhub.embedded import BASE_DIR, CannotStart, EmbeddedPostgres, data_directory, one_line
from safetyhub.run import end_with_parent

SECONDS = 5  # of load for each measurement
WARM_UP = 1  # second
MOST_SECONDS = 30  # of load, where pages are so slow that SECONDS would see too few
ENOUGH = 5  # answers on each connection
SEQUENTIAL = 30  # requests, one after the other, whose first byte is waited for
CONNECTIONS = 8  # at a time under load: what two processes of four threads can have in hand
LONGEST = 30  # seconds that an answer, a start or a stop may take
NO_CACHE = "none://"
# What decides the content of a data directory; a change in one of these makes it anew.
CONTENT = (
    "benchmarks/generator.py", "benchmarks/load.py", "sample_content/*.json", "*/migrations/*.py",
    "casestudies/search_*.py",
)  # fmt: skip
# A developer's own settings must not change what is measured.
FOREIGN = (
    "ALLOWED_HOSTS", "CACHE_URL", "DATABASE_URL", "DEBUG", "EMAIL_URL", "HTTPS", "MEDIA_ROOT", "PORT", "SECRET_KEY",
    "SITE_URL", "TRUST_PROXY",
)  # fmt: skip
COLUMNS = (
    "Page", "Cache", "First after start, ms", "First byte, ms", "Longest, ms", "Requests /s", "Floor /s",
    "Of floor, %", "p50, ms", "p99, ms", "Queries", "Sent, kB", "Unpacked, kB",
)  # fmt: skip
WIDEST = 140  # characters that the table needs

type Environment = dict[str, str]


class Failed(Exception):  # noqa: N818  # as CannotStart
    """Nothing can be measured; the message is one line."""


@dataclass(frozen=True)
class Load:
    """What wrk found: requests a second, and milliseconds that half and 99 of 100 requests took at most."""

    rate: float
    p50: float
    p99: float


@dataclass(frozen=True)
class Measured:
    """One kind of request, with or without a cache; times in milliseconds, sizes in bytes."""

    kind: str
    is_cached: bool
    first_after_start: float
    first_byte: float
    longest: float
    load: Load
    floor: Load
    queries: int
    sent: int
    unpacked: int

    def row(self) -> tuple[str, ...]:
        """Give the columns of the table."""
        return (
            self.kind,
            "yes" if self.is_cached else "no",
            f"{self.first_after_start:.0f}",
            f"{self.first_byte:.1f}",
            f"{self.longest:.1f}",
            f"{self.load.rate:.0f}",
            f"{self.floor.rate:.0f}",
            f"{100 * self.load.rate / self.floor.rate:.2g}",
            f"{self.load.p50:.1f}",
            f"{self.load.p99:.1f}",
            str(self.queries),
            f"{self.sent / 1000:.1f}",
            f"{self.unpacked / 1000:.1f}",
        )


@dataclass(frozen=True)
class Running:
    """A gunicorn of ours."""

    port: int
    pid: int

    def memory(self) -> list[int]:
        """Give the memory of each worker in bytes, what they share counted in parts (PSS)."""
        return [worker.memory_full_info().pss for worker in psutil.Process(self.pid).children()]


# --- Processes -----------------------------------------------------------------------------------------------


@contextlib.contextmanager
def served(application: str, environment: Environment, log: Path) -> Iterator[Running]:
    """Serve an application with the project's gunicorn settings until the end; its messages go to `log`."""
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener, log.open("wb") as output:
        port = listener.getsockname()[1]
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "gunicorn", "--config", str(BASE_DIR / "gunicorn.conf.py")),
                *("--bind", f"fd://{listener.fileno()}", "--log-level", "warning", application),
            ],
            cwd=BASE_DIR,
            env=environment,
            pass_fds=[listener.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=end_with_parent,  # safe: no other thread runs here
        )
    # From here on the port is gunicorn's: it waits for the first worker, and refuses once gunicorn is gone.
    try:
        yield Running(port, process.pid)
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(LONGEST)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def run(*command: str, environment: Environment, given: str | None = None) -> str:
    """Run a Python module to its end; give what it wrote. Raises Failed when it ends badly."""
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=BASE_DIR,
        env=environment,
        input=given,
        stdout=subprocess.PIPE if given is not None else None,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Failed(f"python -m {' '.join(command)} ended with exit status {done.returncode}.")
    return done.stdout or ""


# --- Content -------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def database(size: int) -> Iterator[EmbeddedPostgres]:
    """Run the database of a size, loaded; its data is used again as long as the content would be the same."""
    data = data_directory() / f"benchmarks-{size}"
    is_loaded = data / "content.sha256"
    content = fingerprint(size)
    if data.exists() and not (is_loaded.exists() and is_loaded.read_text(encoding="ascii") == content):
        # A server that a killed run left behind must not lose its files under its feet.
        with contextlib.suppress(CannotStart):
            left = EmbeddedPostgres(data)
            left.start()
            left.stop()
        shutil.rmtree(data)
    data.mkdir(mode=0o700, exist_ok=True)
    server = EmbeddedPostgres(data)
    server.start()
    try:
        if not is_loaded.exists():
            run("benchmarks.load", str(size), environment=site_environment(server))
            is_loaded.write_text(content, encoding="ascii")
        with psycopg.connect(server.conninfo()) as connection:
            connection.execute("CHECKPOINT")  # so that nothing of the load is still written while we measure
        yield server
    finally:
        server.stop()


def fingerprint(size: int) -> str:
    """Give a text that changes with whatever decides the content."""
    digest = hashlib.sha256(str(size).encode())
    for pattern in CONTENT:
        for path in sorted(BASE_DIR.glob(pattern)):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def own_environment() -> Environment:
    """Give the environment without what a developer has set for their own site."""
    return {name: value for name, value in os.environ.items() if name not in FOREIGN}


def site_environment(server: EmbeddedPostgres) -> Environment:
    """Give the settings of a server, but for TLS, which loopback has not."""
    return own_environment() | {
        "SAFETYHUB_DATA_DIR": str(server.data),
        "DATABASE_URL": server.url,
        "SECRET_KEY": "a-long-random-text-that-signs-nothing-but-a-benchmark",
        "ALLOWED_HOSTS": "127.0.0.1",
        "SITE_URL": "http://127.0.0.1",
        "EMAIL_URL": f"file://{server.data}/mail",
        "MEDIA_ROOT": str(server.data / "media"),
        "HTTPS": "false",
        "DEBUG": "false",
        "LOG_LEVEL": "WARNING",
    }


# --- Measuring -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    """A page as it was sent: milliseconds to its first byte, bytes on the way and unpacked."""

    first_byte: float
    sent: int
    unpacked: int


def ask(port: int, path: str) -> Answer:
    """Ask for a page as a browser would. Raises Failed for any answer but 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LONGEST)
    try:
        before = time.perf_counter()
        connection.request("GET", path, headers={"Accept-Encoding": "gzip"})
        assert connection.sock  # noqa: S101  # for mypy
        connection.sock.recv(1, socket.MSG_PEEK)
        first_byte = (time.perf_counter() - before) * 1000
        response = connection.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise Failed(f"{path} was not answered: {one_line(error)}") from error
    finally:
        connection.close()
    if response.status != 200:
        raise Failed(f"{path} was answered with {response.status}; --leave-out leaves a kind of request out.")
    is_packed = response.headers.get("Content-Encoding") == "gzip"
    return Answer(first_byte, len(body), len(gzip.decompress(body)) if is_packed else len(body))


def wait_until_it_answers(running: Running, path: str) -> None:
    """Return when the first worker has started. Raises Failed when none does."""
    deadline = time.monotonic() + LONGEST
    while True:
        try:
            ask(running.port, path)
        except Failed:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


def first_after_start(path: str, environment: Environment, log: Path) -> float:
    """Give the milliseconds to the first byte of the first page of a process."""
    with served("safetyhub.wsgi", environment | {"WEB_CONCURRENCY": "1"}, log) as site:
        wait_until_it_answers(site, "/healthz")
        return ask(site.port, path).first_byte


def load(port: int, paths: list[str], seconds: int) -> Load:
    """Ask for these pages as fast as they come, for a time. Raises Failed when an answer is an error."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("\n".join(paths))
        file.flush()
        done = subprocess.run(
            [
                "wrk", "--threads=1", f"--connections={CONNECTIONS}", f"--duration={seconds}s",
                f"--timeout={LONGEST}s", "--latency", f"--script={BASE_DIR}/benchmarks/wrk.lua",
                f"http://127.0.0.1:{port}", "--", file.name,
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds + 2 * LONGEST,
        )  # fmt: skip
    results = [line.removeprefix("RESULT ") for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if not results:
        raise Failed(f"wrk did not measure {paths[0]}: {' '.join(done.stderr.split())}")
    found: dict[str, Any] = json.loads(results[0])
    if found["failed"]:
        raise Failed(f"{found['failed']} of {found['requests']} requests such as {paths[0]} failed under load.")
    return Load(found["requests"] / found["seconds"], found["p50"], found["p99"])


def measured(paths: list[str], site: Running, floor: Running, seconds: int) -> tuple[Answer, list[float], Load, Load]:
    """Measure one kind: sizes, first bytes, load, and the floor right after it, as the machine's speed drifts."""
    answers = [ask(site.port, path) for path in paths]  # warms up too, and makes sure of every status
    load(site.port, paths, WARM_UP)
    times = [ask(site.port, paths[place % len(paths)]).first_byte for place in range(SEQUENTIAL)]
    usual = Answer(0, int(median(answer.sent for answer in answers)), int(median(each.unpacked for each in answers)))
    needed = ceil(ENOUGH * CONNECTIONS * median(times) / 1000)
    under_load = load(site.port, paths, max(seconds, min(needed, MOST_SECONDS)))
    return usual, times, under_load, load(floor.port, [f"/{usual.sent}"], seconds)


def measure(size: int, asked: Addresses, seconds: int, console: Console) -> tuple[list[Measured], dict[bool, float]]:
    """Measure a size; give the rows and, without and with cache, the megabytes of a worker."""
    rows: list[Measured] = []
    memory = {}
    with database(size) as server:
        for is_cached in (False, True):
            environment = site_environment(server)
            if url := os.environ.get("CACHE_URL", "") if is_cached else NO_CACHE:
                environment["CACHE_URL"] = url
            label = f"{size:,} case studies, {'with' if is_cached else 'no'} cache"
            log = server.data / "gunicorn.log"
            with console.status(f"{label}: first requests and queries"):
                firsts = {kind: first_after_start(paths[0], environment, log) for kind, paths in asked.items()}
                queries = json.loads(run("benchmarks.queries", environment=environment, given=json.dumps(asked)))
            with (
                served("safetyhub.wsgi", environment, log) as site,
                served("benchmarks.floor:application", environment, server.data / "floor.log") as floor,
            ):
                wait_until_it_answers(site, "/healthz")
                wait_until_it_answers(floor, "/1")
                for kind, paths in asked.items():
                    with console.status(f"{label}: {kind}"):
                        usual, times, under_load, beside = measured(paths, site, floor, seconds)
                    rows.append(
                        Measured(
                            kind, is_cached, firsts[kind], median(times), max(times), under_load, beside,
                            queries[kind], usual.sent, usual.unpacked,
                        )
                    )  # fmt: skip
                memory[is_cached] = mean(site.memory()) / 1e6
    return rows, memory


# --- Telling -------------------------------------------------------------------------------------------------


def show(size: int, rows: list[Measured], memory: dict[bool, float], console: Console) -> None:
    """Print the table of a size, each page with and without cache below each other."""
    table = Table(
        title=f"{size:,} case studies", title_justify="left", box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False
    )
    for place, column in enumerate(COLUMNS):
        if place < 2:
            table.add_column(column, min_width=(22, 5)[place])
        else:
            table.add_column(column.replace(" ", "\n"), justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*row.row(), end_section=row.is_cached)
    console.print(table)
    console.print(f"Memory of a worker: {memory[False]:.0f} MB without cache, {memory[True]:.0f} MB with cache.\n")


def markdown(size: int, rows: list[Measured]) -> str:
    """Give the rows of a size as Markdown."""
    return "\n".join(f"| {' | '.join((f'{size:,}', *row.row()))} |" for row in rows)


def markdown_head() -> str:
    """Give the head of the Markdown table."""
    names = ("Case studies", *COLUMNS)
    lines = ("---" if name in COLUMNS[:2] else "--:" for name in names)
    return f"| {' | '.join(names)} |\n|{'|'.join(lines)}|"


def main() -> int:
    """Measure the sizes that were asked for; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description="Measure the speed of the site.")
    parser.add_argument(
        "sizes", type=int, nargs="*", default=SIZES, help="how many case studies (default: %(default)s)"
    )
    parser.add_argument("--seconds", type=int, default=SECONDS, help="of load each time (default: %(default)s)")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="also write the rows as Markdown")
    parser.add_argument(
        "--leave-out", action="append", default=[], metavar="KIND", help="such as suggestion; repeatable"
    )
    arguments = parser.parse_args()
    console = Console()
    console.width = max(console.width, WIDEST)
    signal.signal(signal.SIGTERM, leave)
    try:
        asked = {size: chosen(size, arguments.leave_out) for size in arguments.sizes}
        check_tools()
        lines = [markdown_head()]
        for size in arguments.sizes:
            rows, memory = measure(size, asked[size], arguments.seconds, console)
            rows.sort(key=lambda row: list(asked[size]).index(row.kind))  # without and with cache side by side
            show(size, rows, memory, console)
            lines.append(markdown(size, rows))
            if arguments.markdown:
                arguments.markdown.write_text("\n".join(lines) + "\n", encoding="utf-8")
    except (Failed, CannotStart) as error:
        sys.stderr.write(f"make bench: {error}\n")
        return 1
    return 0


def chosen(size: int, left_out: list[str]) -> Addresses:
    """Give the addresses of a size, without the kinds that are left out. Raises Failed for an unknown kind."""
    found = addresses(size)
    if unknown := set(left_out) - set(found):
        raise Failed(f"There is no request {', '.join(sorted(unknown))}; there are {', '.join(found)}.")
    return {kind: paths for kind, paths in found.items() if kind not in left_out}


def check_tools() -> None:
    """Raise Failed, saying what to do, when something that must be there is not."""
    if not shutil.which("wrk"):
        raise Failed("The load generator wrk is missing: install the Debian package wrk (apt-get install wrk).")
    if not (BASE_DIR / "staticfiles" / "staticfiles.json").exists():
        raise Failed("The style sheets are not built: run make build.")


def leave(number: int, frame: FrameType | None) -> None:
    """End by SIGTERM as by Ctrl-C: whatever was started is ended on the way out."""
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
