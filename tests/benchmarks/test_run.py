"""What the benchmark asks for exists, and an answer that is no page is never measured."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from benchmarks import run
from benchmarks.addresses import addresses
from benchmarks.load import load


@pytest.mark.django_db
def test_every_kind_of_address_is_a_page(visitor):
    load(100, progress=False)
    for kind, paths in addresses(100).items():
        assert [visitor.get(path).status_code for path in (paths[0], paths[-1])] == [200, 200], kind


def test_addresses_are_always_the_same_and_differ():
    first, again = addresses(200), addresses(200)
    assert first == again
    assert all(len(paths) > 8 for kind, paths in first.items() if kind != "home")
    assert all(len(set(paths)) > 0.8 * len(paths) for paths in first.values())


@pytest.fixture
def port() -> Iterator[int]:
    """Serve pages and, under /missing, none."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(404 if self.path == "/missing" else 200)
            self.send_header("Content-Length", "5")
            self.end_headers()
            self.wfile.write(b"hello")

        def log_message(self, *arguments):
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_a_page_is_measured_as_it_was_sent(port):
    answer = run.ask(port, "/")
    assert (answer.sent, answer.unpacked) == (5, 5)
    assert 0 < answer.first_byte < 5_000


def test_any_other_status_ends_the_run(port):
    with pytest.raises(run.Failed, match="/missing was answered with 404"):
        run.ask(port, "/missing")


def test_a_kind_that_is_left_out_must_exist():
    assert "suggestion" not in run.chosen(100, ["suggestion"])
    with pytest.raises(run.Failed, match="There is no request sugestion; there are home, list"):
        run.chosen(100, ["sugestion"])


def test_a_missing_load_generator_is_said(monkeypatch, capsys):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("benchmarks.run.signal.signal", lambda number, handler: None)
    monkeypatch.setattr("sys.argv", ["benchmarks.run", "100"])
    assert run.main() == 1
    assert "install the Debian package wrk" in capsys.readouterr().err
