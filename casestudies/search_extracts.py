"""The passages of a case study where the words of a search stand, marked."""

import html
import re
from collections.abc import Iterable

from django.db import connection
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from casestudies.models import SEARCH_CONFIGURATION
from casestudies.search import Search

# Private-use characters mark a hit until the text around it is escaped, so that content cannot bring markup along.
HIT_START, HIT_END = "\ue000", "\ue001"
HEADLINE_OPTIONS = (
    f"StartSel={HIT_START}, StopSel={HIT_END}, MaxFragments=2, MaxWords=22, MinWords=8, FragmentDelimiter=' … '"
)
LEXEME = re.compile(r"'((?:[^']|'')+)'")  # in a query as PostgreSQL writes it
NO_LETTER = re.compile(r"[^\w]|_")
MOST_REMEMBERED = 200  # extracts of one search, some 400 bytes each
SECTIONS = ("challenge", "approach", "outcome", "lessons", "getting_started", "keeping_it_going")


def extracts(keys: Iterable[int], search: Search) -> dict[int, SafeString]:
    """
    Give for each case study the passages where a search's words stand, hits in `<mark>`, everything else escaped.

    The summary where it has all the words, else passages of the sections. One query however many case studies there
    are. A case study found only by its title or by a name has none.

    To mark words takes most of the time of a search. Whoever narrows one, or asks what others have, meets many of the
    same case studies again: what was marked is remembered with the search, while the content stays.
    """
    keys = list(keys)
    found = {key: extract for key in keys if (extract := search.extracts.get(key)) is not None}
    if missing := [key for key in keys if key not in found]:
        found |= dict.fromkeys(missing, SafeString()) | _extracts(missing, search)
        if len(search.extracts) + len(missing) > MOST_REMEMBERED:
            search.extracts.clear()
        search.extracts.update(found)
    return {key: extract for key, extract in found.items() if extract}


def _extracts(keys: list[int], search: Search) -> dict[int, SafeString]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT id, body, ts_headline(%(config)s::regconfig, body, %(any)s::tsquery, %(options)s)
            FROM casestudies_casestudy, LATERAL (
                -- As the sections have it: what is no markup in the summary must not be taken for some.
                SELECT replace(replace(replace(summary, '&', '&amp;'), '<', '&lt;'), '>', '&gt;') AS plain
            ) summarised, LATERAL (
                SELECT string_agg(section, ' ' ORDER BY place) AS whole,
                    string_agg(section, ' ' ORDER BY place) FILTER (WHERE section ~* %(beginnings)s) AS telling
                FROM unnest(ARRAY[{", ".join(SECTIONS)}]) WITH ORDINALITY AS told (section, place)
            ) sections, LATERAL (
                SELECT CASE WHEN to_tsvector(%(config)s::regconfig, summary) @@ %(all)s::tsquery THEN plain
                    ELSE plain || ' ' || regexp_replace(COALESCE(telling, whole), '<[^>]*>', ' ', 'g')
                    END AS body
                OFFSET 0
            ) chosen
            WHERE id = ANY(%(ids)s)
            """,  # noqa: S608  # constants
            {
                "config": SEARCH_CONFIGURATION,
                "ids": keys,
                "all": search.query,
                "any": search.anything,
                "options": HEADLINE_OPTIONS,
                "beginnings": _beginnings(search.anything),
            },
        )
        return {pk: _marked(headline, body) for pk, body, headline in cursor.fetchall() if HIT_START in headline}


def _beginnings(query: str) -> str:
    """
    Give a regular expression that finds, but for rare forms, the sections that a query's words stand in.

    To look for words in their forms takes PostgreSQL far longer than for how they begin.
    """
    # A stem begins its words, but for an i that was a y ("therapi" of "therapy") and an e that was left out ("dose" of
    # "dosing", "die" of "dying"). To find too much costs a little time, and too little would hide a passage.
    stems = sorted({lexeme.rstrip("ie") for lexeme in LEXEME.findall(query)})
    return rf"\m({'|'.join(NO_LETTER.sub(_escaped, stem) for stem in stems)})"


def _escaped(character: re.Match[str]) -> str:
    return f"\\{character[0]}"


def _marked(headline: str, body: str) -> SafeString:
    """Mark the hits, and show by dots where the passages begin or end inside the text."""
    text = " ".join(body.replace(HIT_START, "").replace(HIT_END, "").split())
    passages = " ".join(headline.split())
    plain = passages.replace(HIT_START, "").replace(HIT_END, "")
    before = "" if text.startswith(plain.partition(" … ")[0]) else "… "
    # PostgreSQL leaves out the full stop at the end.
    _, _, rest = text.rpartition(plain.rpartition(" … ")[2])
    after = rest if len(rest) < 2 else "" if plain.endswith((".", "!", "?")) else " …"
    escaped = escape(html.unescape(f"{before}{passages}{after}"))
    return mark_safe(escaped.replace(HIT_START, "<mark>").replace(HIT_END, "</mark>"))  # noqa: S308  # escaped above
