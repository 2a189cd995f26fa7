"""The command that fills a portal with the sample content."""

from pathlib import Path
from typing import Any, TextIO, cast

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from casestudies.sample_content import BrokenContentError, Tally, load, read_pack


class Command(BaseCommand):
    """Loads a content pack: all of it or, where a record is broken, nothing."""

    help = "Load the sample content. What is already there is kept as it is."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--folder",
            type=Path,
            default=settings.BASE_DIR / "sample_content",
            help="the folder of the pack (default: sample_content beside manage.py)",
        )
        parser.add_argument(
            "--update",
            action="store_true",
            help="overwrite what is there with the pack; publication, addresses and contacts stay",
        )

    def handle(self, *args: Any, folder: Path, update: bool, verbosity: int, **options: Any) -> None:
        """Load the pack. Raises CommandError with one line for each problem; then nothing was loaded."""
        self.stdout.ending = ""  # rich ends its own lines
        console = Console(file=cast("TextIO", self.stdout), quiet=verbosity == 0)
        try:
            pack = read_pack(folder)
            with Progress(
                TextColumn("Loading sample content"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                console=console,
                transient=True,
                disable=not console.is_terminal or verbosity == 0,
            ) as bar:
                task = bar.add_task("load", total=len(pack))
                tally = load(pack, update=update, progress=lambda: bar.advance(task))
        except BrokenContentError as error:
            count = len(error.problems)
            raise CommandError(
                f"Nothing was loaded: {count} {'problem' if count == 1 else 'problems'}.\n{error}"
            ) from error
        self.report(console, tally)

    def report(self, console: Console, tally: Tally) -> None:
        """Say what was done: a line, and a table by model."""
        created, updated, kept = (sum(count.values()) for count in (tally.created, tally.updated, tally.kept))
        done = f"created {created:,}, updated {updated:,}" if created or updated else "nothing to do"
        console.print(f"Sample content: {done}, kept {kept:,} as they are.")
        table = Table("", "Created", "Updated", "Kept")
        for column in table.columns[1:]:
            column.justify = "right"
        for name in dict.fromkeys([*tally.created, *tally.updated, *tally.kept]):
            table.add_row(
                name.capitalize(),
                *(f"{count[name]:,}" for count in (tally.created, tally.updated, tally.kept)),
            )
        console.print(table)
