"""What a container's health check runs: `python -m safetyhub.healthcheck` asks the site on this machine."""

import http.client
import os
import sys

TIMEOUT = 4  # seconds


def is_ready(port: int, host: str) -> bool:
    """Tell whether the site on a local port can serve, when asked by one of its own host names."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
    try:
        connection.request("GET", "/readyz", headers={"Host": host})
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def main() -> int:
    """Return exit status 0 when the site is ready, and 1 when it is not."""
    first = os.environ.get("ALLOWED_HOSTS", "").split(",")[0].strip()
    # ".safety.example" allows every host below; "*" any at all.
    host = first.removeprefix(".") if first not in {"", "*"} else "localhost"
    return 0 if is_ready(int(os.environ.get("PORT") or 8000), host) else 1


if __name__ == "__main__":
    sys.exit(main())
