"""
Parts of pages that are the same on many: the options of the filters, the cards of case studies, the links to pages.

Each is written once by its template, what tells of content once for each state of it (`Catalogue.remembered`); what
differs from page to page, a number, an address, the passages that a search found, is put into its place.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from django.core.paginator import Page
from django.template.loader import get_template
from markupsafe import Markup, escape

from casestudies.catalogue import Catalogue
from casestudies.filters import Facet
from casestudies.whole import published_for_cards

MOST_CARDS = 20_000  # of each kind that a process keeps: some 32 MB
# They stand for what is put in later. Text cannot have them: templates write its "<" as "&lt;".
PLACE, FIRST_PAGE, OTHER_PAGE = Markup("<place>"), Markup("<first>"), Markup("<other>")


class WrittenOption(NamedTuple):
    """An option that is not on: in two parts around the number of results, and whole where it has one or none."""

    before: str
    after: str
    with_one: str
    with_none: str


class WrittenCard(NamedTuple):
    """The card of a case study, open where the passages that a search found stand instead of the summary."""

    before: str
    summary: str
    after: str


def written_options(facet: Facet, catalogue: Catalogue) -> Markup:
    """Write the options of a filter with their numbers."""
    known: dict[int | str, WrittenOption] = catalogue.remembered.setdefault(("options", facet.name), {})
    written = []
    for term, count in zip(facet.terms, facet.counts, strict=True):
        option = known.get(term.key)
        if option is None:
            option = known[term.key] = _option(facet.name, term.slug, term.name)
        if term in facet.chosen:
            written.append(_macro("filter_option")(facet.name, term.slug, term.name, count, chosen=True))
        elif count > 1:
            written.append(f"{option.before}{count}{option.after}")
        else:
            written.append(option.with_one if count else option.with_none)
    return Markup("".join(written))  # noqa: S704  # the template escapes


@lru_cache(maxsize=2_000)  # most stay as they are when the content changes
def _option(name: str, value: str, label: str) -> WrittenOption:
    write = _macro("filter_option")
    before, after = write(name, value, label, PLACE).split(PLACE)
    return WrittenOption(str(before), str(after), str(write(name, value, label, 1)), str(write(name, value, label, 0)))


def written_cards(
    keys: Iterable[int],
    catalogue: Catalogue,
    *,
    level: int,
    extracts: Mapping[int, str] | None = None,
) -> list[Markup]:
    """
    Write the cards of some case studies, in the order of their keys; what is not published is left out.

    `level` is that of their headings, `extracts` the safe HTML that stands instead of a summary.
    """
    keys = list(keys)
    known: dict[int, WrittenCard] = catalogue.remembered.setdefault(("cards", level), {})
    cards = {key: card for key in keys if (card := known.get(key))}  # another thread may empty it meanwhile
    if len(cards) < len(keys):
        write = _macro("casestudy_card")
        for case_study in published_for_cards([key for key in keys if key not in cards]):
            before, after = write(case_study, extract=PLACE, level=level).split(PLACE)
            cards[case_study.pk] = WrittenCard(str(before), str(escape(case_study.summary)), str(after))
        # Those that are asked for most are soon there again.
        if len(known) + len(keys) > MOST_CARDS:
            known.clear()
        known.update(cards)
    return [
        Markup(f"{card.before}{(extracts or {}).get(key) or card.summary}{card.after}")  # noqa: S704  # all escaped
        for key in keys
        if (card := cards.get(key))
    ]


def written_pages(page: Page[Any], address: str) -> Markup:
    """Write the links to the pages of a list, whose first has the address; nothing where it is the only one."""
    paginator = page.paginator
    if paginator.num_pages == 1:
        return Markup()
    numbers = paginator.get_elided_page_range(page.number, on_each_side=1, on_ends=1)
    others = f"{address}{'&' if '?' in address else '?'}page="
    links = _pages(tuple(numbers), page.number)
    return links.replace(FIRST_PAGE, escape(address)).replace(OTHER_PAGE, escape(others))


@lru_cache(maxsize=1_000)
def _pages(numbers: tuple[int | str, ...], current: int) -> Markup:
    links: Markup = _macro("pages")(numbers, current, FIRST_PAGE, OTHER_PAGE)
    return links


@lru_cache
def _macro(name: str) -> Any:
    """Give the macro of a component."""
    template: Any = get_template(f"components/{name}.jinja")
    return getattr(template.template.module, name)
