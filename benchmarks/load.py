"""
Loads made-up case studies in bulk: `python -m benchmarks.load 10000`, or `load()` from a test.

Row by row the triggers that keep the search columns would write each case study about seven times. So they are
disabled while rows are copied, in the one transaction that does it all, and what they keep is worked out here: the
names once for each organisation, theme and setting, the words once for each different word. The indexes that are
slow to fill row by row are built when the rows are there. tests/benchmarks holds the outcome against the triggers'.
"""

import argparse
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import batched
from typing import Any

import django
from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.color import no_style
from django.db import connection, transaction
from django.db.models import Model
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks import generator
from safetyhub.embedded import use_local_environment

BATCH = 2_000  # case studies; each batch is one COPY for each table
WORDS_AT_ONCE = 5_000  # a text search vector holds 1 MB

type Row = tuple[Any, ...]

# What is filled, in the order in which rows refer to each other.
COLUMNS = {
    "casestudies.Theme": "id slug name introduction order",
    "casestudies.Setting": "id slug name phrase order",
    "partners.Organisation": "id slug name kind region area website psc_name source_url",
    "partners.OrganisationName": "id organisation_id name kind",
    "partners.Contact": (
        "id organisation_id name job_title email phone is_team is_primary show_email is_demonstration confirmed_on"
    ),
    "casestudies.CaseStudy": (
        "id slug title summary challenge approach outcome lessons getting_started keeping_it_going result stage "
        "start_year end_year intervention_types lead_organisation_id funding status published_at withdrawn_at "
        "withdrawal_reason created_at updated_at reviewed_on review_due_on editor_note search_names search_partners"
    ),
    "casestudies.CaseStudy_themes": "id casestudy_id theme_id",
    "casestudies.CaseStudy_settings": "id casestudy_id setting_id",
    "casestudies.CaseStudy_partner_organisations": "id casestudy_id organisation_id",
    "casestudies.CaseStudyContact": "id case_study_id contact_id role order",
    "casestudies.Source": "id case_study_id title publisher url order",
    "casestudies.ImpactFigure": (
        "id case_study_id kind direction qualifier value value_high unit label baseline_value baseline period "
        "source_id order"
    ),
    "casestudies.Resource": "id case_study_id title description url file order",
}
# Filled last, from the words of all that.
SEARCH_WORD = "casestudies.SearchWord"
CONTENT_CHANGE = "casestudies.ContentChange"
# A database that has one of these is somebody's.
MUST_BE_EMPTY = ("casestudies.CaseStudy", "casestudies.Theme", "casestudies.Setting", "partners.Organisation")


class NotEmpty(Exception):  # noqa: N818  # as CannotStart
    """The database holds content that is not the benchmark's; the message is one line."""


def load(number: int, *, progress: bool = True) -> None:
    """
    Load that many made-up case studies, and all they refer to, into Django's database: all or nothing.

    Raises NotEmpty when it holds content already. Inside a transaction, as in a test, the tables are only
    analysed: VACUUM needs to be outside of one.
    """
    for name in MUST_BE_EMPTY:
        if _model(name)._default_manager.exists():
            raise NotEmpty(
                f"The database holds {_model(name)._meta.verbose_name_plural} already; give it an empty one."
            )
    models = [_model(name) for name in (*COLUMNS, SEARCH_WORD)]
    with transaction.atomic(), _without_triggers(models), _indexes_last("casestudies_casestudy"):
        loader = _Loader()
        loader.load_shared()
        for batch in _shown(batched(range(1, number + 1), BATCH), number, show=progress):
            loader.load_case_studies(batch)
        loader.load_words()
        _execute(*connection.ops.sequence_reset_sql(no_style(), models))
        # As `case_study_changed` of casestudies.content_version would have, for processes that know the database.
        _execute(
            "INSERT INTO casestudies_contentchange (case_study_id, version)"
            " SELECT id, version FROM casestudies_casestudy, take_content_version() version WHERE status <> 'draft'"
        )
    vacuum = "" if connection.in_atomic_block else "VACUUM "
    _execute(f"{vacuum}ANALYZE {', '.join(map(_table, (*models, _model(CONTENT_CHANGE))))}")


class _Loader:
    """Makes rows of what the generator gives, and copies them."""

    def __init__(self) -> None:
        self.rows: dict[str, list[Row]] = {name: [] for name in COLUMNS}
        self.last_ids = dict.fromkeys(COLUMNS, 0)
        self.words: set[str] = set()
        self.organisations = generator.organisations()
        self.themes = {theme.slug: (key, theme.name) for key, theme in enumerate(generator.themes(), 1)}
        self.settings = {setting.slug: (key, setting.name) for key, setting in enumerate(generator.settings(), 1)}
        # As organisation_search_names() of casestudies.search_names gives them.
        self.names_of = [
            {organisation.name, organisation.psc_name, *(name for _, name in organisation.names)}
            for organisation in self.organisations
        ]
        regions = _capitalised({organisation.region.replace("-", " ") for organisation in self.organisations})
        self.areas_of = [
            {organisation.area, regions[organisation.region.replace("-", " ")]} for organisation in self.organisations
        ]
        taxa = {taxon.name for taxon in (*generator.themes(), *generator.settings())}
        self.places = _in_order(taxa.union(*self.names_of, *self.areas_of))

    def load_shared(self) -> None:
        """Load themes, settings, organisations and contacts."""
        from casestudies.sample_content import SETTING_PHRASES  # noqa: PLC0415  # needs Django to be set up

        for theme in generator.themes():
            self._add("casestudies.Theme", theme.slug, theme.name, theme.introduction, theme.order)
        for setting in generator.settings():
            phrase = SETTING_PHRASES.get(setting.slug, "")
            self._add("casestudies.Setting", setting.slug, setting.name, phrase, setting.order)
        for record in self.organisations:
            organisation = self._add(
                "partners.Organisation", record.slug, record.name, record.kind, record.region, record.area,
                record.website, record.psc_name, "",
            )  # fmt: skip
            for kind, name in record.names:
                self._add("partners.OrganisationName", organisation, name, kind)
            for place, (name, job_title, email) in enumerate(record.contacts):
                is_team = place == 0
                self._add(
                    "partners.Contact", organisation, name, job_title, email, "", is_team, is_team, False, True, None
                )
        self._copy()

    def load_case_studies(self, numbers: Iterable[int]) -> None:
        """Load the case studies of these numbers, with their parts."""
        for number in numbers:
            self._add_case_study(generator.case_study(number))
        self._copy()

    def load_words(self) -> None:
        """
        Keep the words that `keep_search_words` would have.

        Its parser never looks beyond white space here, so each different piece between spaces is parsed once.
        """
        for pieces in batched(sorted(self.words), WORDS_AT_ONCE):
            _execute(
                f"INSERT INTO {_table(_model(SEARCH_WORD))} (word) "  # noqa: S608  # the name of a table
                "SELECT lexeme FROM unnest(to_tsvector('simple', %s)) WHERE lexeme ~ '^[a-z]{4,30}$' "
                "ORDER BY lexeme ON CONFLICT DO NOTHING",
                parameters=[" ".join(pieces)],
            )

    def _add_case_study(self, record: generator.CaseStudyRecord) -> None:
        themes = [self.themes[slug] for slug in record.themes]
        settings = [self.settings[slug] for slug in record.settings]
        names = {name for _, name in (*themes, *settings)} | self.names_of[record.lead]
        partners = self.areas_of[record.lead].union(*(self.names_of[partner] for partner in record.partners))
        search_names, search_partners = self._listed(names), self._listed(partners)
        for text in (record.title, record.summary, *record.sections, search_names, search_partners):
            self.words.update(text.split())
        case_study = self._add(
            "casestudies.CaseStudy", record.slug, record.title, record.summary, *record.sections, record.result,
            record.stage, record.start_year, record.end_year, list(record.intervention_types), record.lead + 1,
            record.funding, record.status, record.published_at, record.withdrawn_at, record.withdrawal_reason,
            record.created_at, record.withdrawn_at or record.created_at, record.reviewed_on, record.review_due_on, "",
            search_names, search_partners,
        )  # fmt: skip
        for theme, _ in themes:
            self._add("casestudies.CaseStudy_themes", case_study, theme)
        for setting, _ in settings:
            self._add("casestudies.CaseStudy_settings", case_study, setting)
        for partner in record.partners:
            self._add("casestudies.CaseStudy_partner_organisations", case_study, partner + 1)
        self._add_parts(case_study, record)

    def _add_parts(self, case_study: int, record: generator.CaseStudyRecord) -> None:
        for order, (organisation, place, role) in enumerate(record.contacts):
            # Every organisation has the same number of contacts, and they were added in order.
            contact = organisation * len(self.organisations[organisation].contacts) + place + 1
            self._add("casestudies.CaseStudyContact", case_study, contact, role, order)
        sources = [
            self._add("casestudies.Source", case_study, *source, order) for order, source in enumerate(record.sources)
        ]
        for order, figure in enumerate(record.figures):
            self._add(
                "casestudies.ImpactFigure", case_study, figure.kind, figure.direction, figure.qualifier, figure.value,
                figure.value_high, figure.unit, figure.label, figure.baseline_value, figure.baseline, figure.period,
                sources[figure.source], order,
            )  # fmt: skip
        for order, (title, description, url) in enumerate(record.resources):
            self._add("casestudies.Resource", case_study, title, description, url, "", order)

    def _listed(self, names: set[str]) -> str:
        """List names as the triggers do: each once, in the order of the database, without the empty one."""
        return "; ".join(sorted(names - {""}, key=self.places.__getitem__))

    def _add(self, name: str, *values: Any) -> int:
        """Add a row to a model's table; give its key."""
        self.last_ids[name] += 1
        self.rows[name].append((self.last_ids[name], *values))
        return self.last_ids[name]

    def _copy(self) -> None:
        """Send the rows that were added, and forget them."""
        for name, rows in self.rows.items():
            if not rows:
                continue
            columns = ", ".join(f'"{column}"' for column in COLUMNS[name].split())
            with connection.cursor() as cursor:
                copying: Any = cursor  # Django passes on what only psycopg's cursors have
                with copying.copy(f"COPY {_table(_model(name))} ({columns}) FROM STDIN") as copy:
                    for row in rows:
                        copy.write_row(row)
            rows.clear()


@contextmanager
def _without_triggers(models: list[type[Model]]) -> Iterator[None]:
    """Disable the triggers of these models' tables, but for those that hold foreign keys."""
    tables = [_table(model) for model in models]
    # PostgreSQL refuses to alter a table while checks wait for the end of the transaction.
    _execute("SET CONSTRAINTS ALL IMMEDIATE")
    _execute(*(f"ALTER TABLE {table} DISABLE TRIGGER USER" for table in tables))
    yield
    _execute(*(f"ALTER TABLE {table} ENABLE TRIGGER USER" for table in tables))
    _execute("SET CONSTRAINTS ALL DEFERRED")


@contextmanager
def _indexes_last(table: str) -> Iterator[None]:
    """Drop the GIN indexes of a table, and build them at the end: to file row by row takes several times as long."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema AND tablename = %s "
            "AND indexdef LIKE '%% USING gin %%' ORDER BY indexname",
            [table],
        )
        indexes: list[tuple[str, str]] = cursor.fetchall()
    _execute(*(f'DROP INDEX "{name}"' for name, _ in indexes))
    yield
    _execute("SET LOCAL maintenance_work_mem = '256MB'", *(definition for _, definition in indexes))


def _shown[Item](items: Iterator[tuple[Item, ...]], number: int, *, show: bool) -> Iterator[tuple[Item, ...]]:
    """Show a bar that grows with each batch."""
    columns = (TextColumn("Loading case studies"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, disable=not show) as bar:
        task = bar.add_task("", total=number)
        for batch in items:
            yield batch
            bar.advance(task, len(batch))


def _in_order(names: set[str]) -> dict[str, int]:
    """Give the place of each name in the order that this database puts texts in."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM unnest(%s::text[]) name ORDER BY name", [sorted(names)])
        return {name: place for place, (name,) in enumerate(cursor.fetchall())}


def _capitalised(names: set[str]) -> dict[str, str]:
    """Give each name as PostgreSQL's initcap() does."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, initcap(name) FROM unnest(%s::text[]) name", [sorted(names)])
        return dict(cursor.fetchall())


def _execute(*statements: str, parameters: list[Any] | None = None) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement, parameters)


def _model(name: str) -> type[Model]:
    return apps.get_model(name)


def _table(model: type[Model]) -> str:
    return f'"{model._meta.db_table}"'


def main() -> int:
    """Load into the database of DATABASE_URL, or into the embedded one; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description="Load made-up case studies.")
    parser.add_argument("number", type=int, help="how many, such as 10000")
    arguments = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "safetyhub.settings")
    try:
        use_local_environment()
        django.setup()
        call_command("migrate", interactive=False, verbosity=0)
        load(arguments.number)
    except (ImproperlyConfigured, NotEmpty) as error:
        sys.stderr.write(f"benchmarks.load: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
