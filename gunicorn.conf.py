"""
How gunicorn serves the site; `gunicorn safetyhub.wsgi` finds this file by itself.

PORT and WEB_CONCURRENCY (processes) are honoured. Nothing is written to the file system but the heartbeat
files, which go to memory: the root file system may be read-only.
"""

import contextlib
import gc
import os
from pathlib import Path
from typing import TYPE_CHECKING

import gunicorn.http.message

if TYPE_CHECKING:
    from gunicorn.workers.base import Worker

bind = f"0.0.0.0:{os.environ.get('PORT') or 8000}"

# One process for each core: a page is mostly Python's own work. Threads let the others wait for the database or
# a slow phone meanwhile. Each keeps a connection to the database (docs/adr/0013).
workers = int(os.environ.get("WEB_CONCURRENCY") or min(len(os.sched_getaffinity(0)), 4))
worker_class = "gthread"
threads = 4

timeout = 30  # seconds until a process that does not answer is replaced
graceful_timeout = 20  # seconds that running requests have at a stop
# A connection that is kept stays with one process: a few that come at once often all land on one, and the other
# idles. Closed each time, whoever is free takes the next, and no proxy sends a request into a connection just closing.
keepalive = 0

# A 10,000-character search in any script reaches Django, which answers it in the site's own look. gunicorn
# knows only up to 8190 bytes or no limit at all; without one, a single visitor could fill the memory.
limit_request_line = gunicorn.http.message.MAX_REQUEST_LINE = 128 * 1024

memory = Path("/dev/shm")  # noqa: S108 - gunicorn makes its file there safely, and unlinks it at once
if memory.is_dir():  # a heartbeat on a slow disk would get a healthy process killed
    worker_tmp_dir = str(memory)

# gunicorn would believe any program of this machine that says that a visitor came by TLS; TRUST_PROXY decides that.
secure_scheme_headers: dict[str, str] = {}

accesslog = None  # the proxy in front keeps it; --access-logfile - turns it on
control_socket_disable = True  # a socket file that nothing here uses


def post_worker_init(worker: "Worker") -> None:
    """Make the process ready before the first visitor waits for it; with many case studies it takes two seconds."""
    # Django is set up only now, if it is what is served.
    from django.apps import apps  # noqa: PLC0415
    from django.db import DatabaseError  # noqa: PLC0415

    if not apps.ready:
        return

    from safetyhub.warm_up import warm_up  # noqa: PLC0415

    with contextlib.suppress(DatabaseError):  # a database that is away is no reason not to start
        # Past the page cache: what another process has kept in Redis would prepare nothing here.
        warm_up(worker.wsgi.application, worker.notify)
    gc.freeze()  # what lives as long as the process is not looked through for what could be thrown away
