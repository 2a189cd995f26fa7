"""Search over case studies: whether a query means anything, and the extracts a result shows."""

import html
import re
from collections.abc import Iterable

from django.db import connection
from django.utils.html import escape, strip_tags
from django.utils.safestring import SafeString, mark_safe

from casestudies.models import SEARCH_CONFIGURATION, CaseStudy

# Private-use characters mark a hit until the text around it is escaped, so that content cannot bring markup along.
HIT_START, HIT_END = "\ue000", "\ue001"
HEADLINE_OPTIONS = (
    f"StartSel={HIT_START}, StopSel={HIT_END}, MaxFragments=2, MaxWords=22, MinWords=8, FragmentDelimiter=' … '"
)


def has_meaning(words: str) -> bool:
    """Say whether anything is left to search for once common words ("the", "of") and operators are gone."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT numnode(websearch_to_tsquery(%s::regconfig, %s))", [SEARCH_CONFIGURATION, words])
        row = cursor.fetchone()
    return bool(row and row[0])


def extracts(case_studies: Iterable[CaseStudy], words: str) -> dict[int, SafeString]:
    """
    Give for each case study the passages where the words stand, hits in `<mark>`, everything else escaped.

    One query however many case studies there are. A case study found only by its title or by a name has none.
    """
    ids = [case_study.pk for case_study in case_studies]
    if not ids:
        return {}
    sections = "concat_ws(' ', summary, challenge, approach, outcome, lessons, getting_started, keeping_it_going)"
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id, {sections} FROM casestudies_casestudy WHERE id = ANY(%s)",  # noqa: S608  # a constant
            [ids],
        )
        texts = {pk: _plain(text) for pk, text in cursor.fetchall()}
        cursor.execute(
            "SELECT id, ts_headline(%s::regconfig, body, websearch_to_tsquery(%s::regconfig, %s), %s)"
            " FROM unnest(%s::bigint[], %s::text[]) AS documents (id, body)",
            [
                SEARCH_CONFIGURATION,
                SEARCH_CONFIGURATION,
                words,
                HEADLINE_OPTIONS,
                list(texts),
                list(texts.values()),
            ],
        )
        return {pk: _marked(headline) for pk, headline in cursor.fetchall() if HIT_START in headline}


def _plain(text: str) -> str:
    """Take the tags out of rich text, and the marks out of any text."""
    plain = html.unescape(strip_tags(re.sub(r"</(p|li|h3)>", " ", text)))
    return plain.replace(HIT_START, "").replace(HIT_END, "")


def _marked(headline: str) -> SafeString:
    escaped = escape(headline)
    return mark_safe(escaped.replace(HIT_START, "<mark>").replace(HIT_END, "</mark>"))  # noqa: S308  # escaped above
