"""
The version of everything visitors may see, kept by the database.

Deferred triggers give a transaction that changes public content the next version as it commits, under a lock that
it takes last of all and keeps until it has: who reads a version sees all that came with it, and versions follow one
another in the order of the commits, on every machine. What only drafts have changes nothing. `ContentChange`
remembers the version that last changed each case study, so that `casestudies.catalogue` reads only what is new.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.migrations.operations import RunSQL
from psycopg import Cursor

# Tables whose every change visitors may see.
WHOLE = (
    "casestudies_casestudyformerslug",
    "casestudies_reportformerslug",
    "casestudies_setting",
    "casestudies_synonymgroup",
    "casestudies_theme",
    "casestudies_themeformerslug",
    "partners_contact",
    "partners_organisation",
    "partners_organisationformerslug",
    "partners_organisationname",
)
# Parts of a case study or of a report, by trigger, with the column that says of which: they show when it does.
PARTS = {
    "case_study_part_changed": {
        "casestudies_casestudy_partner_organisations": "casestudy_id",
        "casestudies_casestudy_settings": "casestudy_id",
        "casestudies_casestudy_themes": "casestudy_id",
        "casestudies_casestudycontact": "case_study_id",
        "casestudies_impactfigure": "case_study_id",
        "casestudies_resource": "case_study_id",
        "casestudies_source": "case_study_id",
    },
    "report_part_changed": {
        "casestudies_reportentry": "report_id",
        "casestudies_reportsection": "report_id",
        "casestudies_reportsource": "report_id",
    },
}

FUNCTIONS = """
CREATE SEQUENCE casestudies_content_versions;
INSERT INTO casestudies_contentversion (id, version) VALUES (1, nextval('casestudies_content_versions'));

-- The version that this transaction gives to what it changed. The setting lasts as long as the transaction.
CREATE FUNCTION take_content_version() RETURNS bigint AS $$
DECLARE
    taken text := current_setting('safetyhub.content_version', true);
BEGIN
    IF COALESCE(taken, '') = '' THEN
        -- The number is drawn once the row is ours: drawn before, it could be smaller than that of an earlier commit.
        INSERT INTO casestudies_contentversion AS current (id, version)
            VALUES (1, nextval('casestudies_content_versions'))
            ON CONFLICT (id) DO UPDATE SET version = nextval('casestudies_content_versions')
            RETURNING current.version::text INTO taken;
        PERFORM set_config('safetyhub.content_version', taken, true);
    END IF;
    RETURN taken::bigint;
END
$$ LANGUAGE plpgsql;

-- Deferred too, and set off by deferred triggers, so it comes after all that the transaction left to its end, the
-- checks of foreign keys included, which wait for others. Whoever has the version waits for nobody.
CREATE FUNCTION settle_content_note() RETURNS trigger AS $$
BEGIN
    PERFORM take_content_version();
    IF NEW.case_study_id IS NOT NULL THEN
        INSERT INTO casestudies_contentchange (case_study_id, version)
            VALUES (NEW.case_study_id, take_content_version())
            ON CONFLICT (case_study_id) DO UPDATE SET version = EXCLUDED.version;
    END IF;
    DELETE FROM casestudies_contentnote WHERE id = NEW.id;
    RETURN NULL;
END
$$ LANGUAGE plpgsql;

CREATE CONSTRAINT TRIGGER settle_content_note AFTER INSERT ON casestudies_contentnote
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION settle_content_note();

CREATE FUNCTION note_change(case_study bigint) RETURNS void AS $$
    INSERT INTO casestudies_contentnote (case_study_id) VALUES ($1);
$$ LANGUAGE sql;

CREATE FUNCTION content_changed() RETURNS trigger AS $$
BEGIN
    PERFORM note_change(NULL);
    RETURN NULL;
END
$$ LANGUAGE plpgsql;

CREATE FUNCTION case_study_changed() RETURNS trigger AS $$
BEGIN
    IF (TG_OP <> 'DELETE' AND NEW.status <> 'draft') OR (TG_OP <> 'INSERT' AND OLD.status <> 'draft') THEN
        PERFORM note_change(CASE TG_OP WHEN 'DELETE' THEN OLD.id ELSE NEW.id END);
    END IF;
    RETURN NULL;
END
$$ LANGUAGE plpgsql;

CREATE FUNCTION report_changed() RETURNS trigger AS $$
BEGIN
    IF (TG_OP <> 'DELETE' AND NEW.status <> 'draft') OR (TG_OP <> 'INSERT' AND OLD.status <> 'draft') THEN
        PERFORM note_change(NULL);
    END IF;
    RETURN NULL;
END
$$ LANGUAGE plpgsql;

-- One that is deleted, published or withdrawn with its parts has a change of its own; what it is now decides here.
CREATE FUNCTION case_study_part_changed() RETURNS trigger AS $$
DECLARE
    part jsonb;
BEGIN
    FOREACH part IN ARRAY ARRAY[to_jsonb(NEW), to_jsonb(OLD)] LOOP
        PERFORM note_change(id) FROM casestudies_casestudy
            WHERE id = (part->>TG_ARGV[0])::bigint AND status <> 'draft';
    END LOOP;
    RETURN NULL;
END
$$ LANGUAGE plpgsql;

CREATE FUNCTION report_part_changed() RETURNS trigger AS $$
DECLARE
    part jsonb;
BEGIN
    FOREACH part IN ARRAY ARRAY[to_jsonb(NEW), to_jsonb(OLD)] LOOP
        PERFORM note_change(NULL) FROM casestudies_report
            WHERE id = (part->>TG_ARGV[0])::bigint AND status <> 'draft';
    END LOOP;
    RETURN NULL;
END
$$ LANGUAGE plpgsql;

-- A case study is in the region of its lead organisation.
CREATE FUNCTION organisation_region_changed() RETURNS trigger AS $$
BEGIN
    PERFORM note_change(id) FROM casestudies_casestudy
        WHERE lead_organisation_id = NEW.id AND status <> 'draft';
    RETURN NULL;
END
$$ LANGUAGE plpgsql;
"""

DROP_FUNCTIONS = """
DROP TRIGGER settle_content_note ON casestudies_contentnote;
DROP FUNCTION organisation_region_changed, report_part_changed, case_study_part_changed, report_changed,
    case_study_changed, content_changed, note_change, settle_content_note, take_content_version;
DROP SEQUENCE casestudies_content_versions;
"""


def _trigger(table: str, call: str, when: str = "INSERT OR UPDATE OR DELETE") -> RunSQL:
    # At the end of the transaction, when it is known what it made of things.
    name = call.partition("(")[0]
    return RunSQL(
        f"CREATE CONSTRAINT TRIGGER {name} AFTER {when} ON {table} DEFERRABLE INITIALLY DEFERRED "
        f"FOR EACH ROW EXECUTE FUNCTION {call};",
        f"DROP TRIGGER {name} ON {table};",
    )


def keep_content_version() -> list[RunSQL]:
    """Give the migration operations that install the triggers."""
    return [
        RunSQL(FUNCTIONS, DROP_FUNCTIONS),
        _trigger("casestudies_casestudy", "case_study_changed()"),
        _trigger("casestudies_report", "report_changed()"),
        _trigger("partners_organisation", "organisation_region_changed()", "UPDATE OF region"),
        *(_trigger(table, "content_changed()") for table in WHOLE),
        *(
            _trigger(table, f"{function}('{column}')")
            for function, parts in PARTS.items()
            for table, column in parts.items()
        ),
    ]


@dataclass(frozen=True)
class ContentState:
    """
    What visitors may see, as a database connection finds it now.

    `version` is None where nobody can know what others see: this transaction has written something itself, or the
    database was just emptied. `last_appeared` is when what is public last grew by the clock alone, or by a publisher.
    `origin` differs once the database was put back from a backup, after which it gives the same versions again, to
    other content; and, which does no harm, once it was restarted.
    """

    version: int | None
    last_appeared: datetime | None
    origin: str
    now: datetime


STATE = """
SELECT
    CASE WHEN pg_current_xact_id_if_assigned() IS NULL
        THEN (SELECT version FROM casestudies_contentversion WHERE id = 1) END,
    GREATEST(
        (SELECT max(published_at) FROM casestudies_casestudy
            WHERE status = 'published' AND published_at <= statement_timestamp()),
        (SELECT max(published_at) FROM casestudies_report
            WHERE status = 'published' AND published_at <= statement_timestamp())
    ),
    concat_ws(' ',
        pg_postmaster_start_time(),
        (SELECT oid FROM pg_database WHERE datname = current_database()),
        pg_relation_filenode('casestudies_contentversion')
    ),
    statement_timestamp()
"""


def read_state() -> ContentState:
    """Read the state of the public content. One small query, prepared once for each connection."""
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    # Django's own cursors put the values into the text of a query, which PostgreSQL then plans anew each time.
    with connection.wrap_database_errors, Cursor(connection.connection) as cursor:
        row = cursor.execute(STATE, prepare=True).fetchone()
    if row is None:
        raise RuntimeError("A query without a table has one row.")
    return ContentState(*row)
