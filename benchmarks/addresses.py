"""Which addresses are asked for: up to fifty of each kind, chosen from the generated content, always the same."""

import re
from collections import Counter
from functools import cache
from random import Random
from urllib.parse import urlencode

from benchmarks import generator

EACH = 50  # addresses of a kind, so that no measurement is of one hot row
READ = 1_000  # case studies, to learn how common a word is
PER_PAGE = 20  # results on a page of the list
# PostgreSQL leaves these out of a search, or the site does where other words remain.
SMALL_TALK = frozenset(
    ["because", "before", "between", "during", "having", "should", "through", "themselves", "improved", "project"]
)

type Addresses = dict[str, list[str]]


def addresses(number: int) -> Addresses:
    """Give the addresses to ask for where that many case studies are loaded, by kind of request."""
    rng = Random("addresses")
    public = [record for record in generator.case_studies(min(number, READ)) if record.is_public]
    common = words(0.3, 0.5)
    middling = words(0.01, 0.1)
    singles = one_filter()
    themes = [pair for pair in singles if pair[0] == "theme"]
    others = [pair for pair in singles if pair[0] in {"setting", "stage", "result", "intervention"}]
    pages = min(EACH, len(public) // PER_PAGE)
    return {
        "home": ["/"],
        "list": [listed(("page", str(page))) if page > 1 else listed() for page in range(1, pages + 1)],
        "one filter": [listed(pair) for pair in singles[:EACH]],
        "two filters": [listed(rng.choice(themes), rng.choice(others)) for _ in range(EACH)],
        "common word": [listed(("q", word)) for word in common[:EACH]],
        "two words and a filter": [
            listed(("q", f"{rng.choice(common)} {rng.choice(middling)}"), rng.choice(themes)) for _ in range(EACH)
        ],
        "case study": [f"/case-studies/{record.slug}/" for record in public[:: max(1, len(public) // EACH)][:EACH]],
        "theme": [f"/themes/{theme.slug}/" for theme in generator.themes()],
        # Somebody who types the second word of a title.
        "suggestion": [
            f"/suggestions/?{urlencode({'q': ' '.join(record.title.split()[:2])[: 4 + place % 6]})}"
            for place, record in enumerate(rng.sample(public, min(EACH, len(public))))
        ],
    }


def listed(*pairs: tuple[str, str]) -> str:
    """Give the address of the list with these parameters."""
    return f"/case-studies/?{urlencode(pairs)}" if pairs else "/case-studies/"


def one_filter() -> list[tuple[str, str]]:
    """Give every value of every filter but the organisations, of which the busiest."""
    choices = {
        "theme": [theme.slug for theme in generator.themes()],
        "setting": [setting.slug for setting in generator.settings()],
        "intervention": list(generator.INTERVENTION_TYPES),
        "stage": list(generator.STAGES),
        "result": list(generator.RESULTS),
        "region": [region for region in generator.REGIONS if region],
        "organisation": [generator.organisations()[0].slug],
    }
    return [(name, value) for name, values in choices.items() for value in values]


def words(least: float, most: float) -> list[str]:
    """Give words that stand in such a share of the case studies, the most common first."""
    found = [(word, share) for word, share in shares().items() if least <= share <= most]
    return [word for word, _ in sorted(found, key=lambda pair: (-pair[1], pair[0]))]


@cache
def shares() -> dict[str, float]:
    """Give for each longer word the share of case studies that have it."""
    uses: Counter[str] = Counter()
    for record in generator.case_studies(READ):
        text = " ".join((record.title, record.summary, *record.sections)).lower()
        uses.update(set(re.findall(r"\b[a-z]{6,}\b", text)) - SMALL_TALK)
    return {word: number / READ for word, number in uses.items()}
