#!/usr/bin/env python
"""The command line of the site; on a machine of one's own it brings the database along."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line

from safetyhub.embedded import use_local_environment

# These need the settings but no data, and run while an image is built.
WITHOUT_DATABASE = {
    "collectstatic",
    "compilemessages",
    "diffsettings",
    "findstatic",
    "help",
    "makemessages",
    "version",
}


def main() -> None:
    """Run one command. A setting that is missing or wrong gets one line on stderr and exit status 1."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "safetyhub.settings")
    command = sys.argv[1] if len(sys.argv) > 1 else "help"
    asks_for_help = command.startswith("-") or {"-h", "--help"} & set(sys.argv)
    try:
        if not os.environ.get("DATABASE_URL"):
            use_local_environment(start_database=not asks_for_help and command not in WITHOUT_DATABASE)
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"manage.py: {error}")


if __name__ == "__main__":
    main()
