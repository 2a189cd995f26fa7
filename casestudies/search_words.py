"""
The words that content is written in, kept by the database so that a misspelling can be put right.

A trigger adds the words of a case study as it is saved; none is taken away. Whether a word stands in something
visitors may see is asked of the search index when it is about to be suggested, so a draft's words stay its own.
"""

from django.db.migrations.operations import RunSQL

WORDS = (
    "SELECT lexeme FROM unnest(to_tsvector('simple', concat_ws(' ', {row}title, {row}summary, {row}challenge, "
    "{row}approach, {row}outcome, {row}lessons, {row}getting_started, {row}keeping_it_going, {row}search_names, "
    "{row}search_partners))) "
    "WHERE lexeme ~ '^[a-z]{{4,30}}$'"
)

NEW_WORDS, STUDY_WORDS = WORDS.format(row="NEW."), WORDS.format(row="study.")

FUNCTIONS = f"""
CREATE FUNCTION keep_search_words() RETURNS trigger AS $$
BEGIN
    -- In one order everywhere, so that two transactions with the same new words wait instead of deadlocking.
    INSERT INTO casestudies_searchword (word) {NEW_WORDS} ORDER BY lexeme ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$ LANGUAGE plpgsql;

CREATE TRIGGER keep_search_words AFTER INSERT OR UPDATE OF title, summary, challenge, approach, outcome, lessons,
    getting_started, keeping_it_going, search_names, search_partners, lead_organisation_id
    ON casestudies_casestudy FOR EACH ROW EXECUTE FUNCTION keep_search_words();

INSERT INTO casestudies_searchword (word)
    SELECT DISTINCT words.lexeme FROM casestudies_casestudy study, LATERAL ({STUDY_WORDS}) words;
"""  # noqa: S608  # constants

REVERSE = """
DROP TRIGGER keep_search_words ON casestudies_casestudy;
DROP FUNCTION keep_search_words;
"""


def keep_search_words() -> RunSQL:
    """Give the migration operation that installs the trigger and gathers the words of what is there already."""
    return RunSQL(FUNCTIONS, REVERSE)
