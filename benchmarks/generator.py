"""
Makes up any number of case studies, always the same ones: number 7 is the same in every run, at every size and in
every process, so that what was measured once can be measured again.

They are as long as real ones (2 to 4 kB of text) and made of the sample content's sentences, of patterns filled
with its phrases, and of a larger made-up vocabulary in which the word of rank r is used 1/r as often as the first
(Zipf's law, which holds for real text): some words stand in half of the case studies and some in one. Themes,
settings and organisations are as unevenly used. Django is not needed here.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from html import escape
from pathlib import Path
from random import Random
from typing import Any

SAMPLE_CONTENT = Path(__file__).resolve().parent.parent / "sample_content"
SIZES = (1_000, 10_000, 100_000)
ORGANISATIONS = 400
MADE_UP_WORDS = 30_000

# Fixed days, not the clock's: the same content whenever it is made.
FIRST_PUBLISHED = datetime(2014, 1, 6, 9, tzinfo=UTC)
DAYS_OF_PUBLISHING = 4_300  # up to October 2025
SCHEDULED_FOR = datetime(2099, 1, 5, 9, tzinfo=UTC)
# Of a thousand case studies so many are drafts, withdrawn, scheduled; the rest is published.
DRAFTS, WITHDRAWN, SCHEDULED = 20, 10, 3

SECTIONS = ("challenge", "approach", "outcome", "lessons", "getting_started", "keeping_it_going")
INTERVENTION_TYPES = (
    "training", "tool", "pathway", "digital", "collaborative", "device", "checklist", "medicines-review", "medicine",
)  # fmt: skip
RESULTS = ("worked", "not-measured", "mixed", "did-not-work")
STAGES = ("regional", "national", "local", "pilot")
REGIONS = (
    "", "london", "midlands", "north-east-and-yorkshire", "north-west", "south-east", "south-west", "east-of-england",
)  # fmt: skip

type Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Taxon:
    """A theme or a setting of the sample content."""

    slug: str
    name: str
    introduction: str
    order: int


@dataclass(frozen=True, slots=True)
class OrganisationRecord:
    """An organisation; `names` are (kind, name), `contacts` are (name, job title, e-mail address)."""

    slug: str
    name: str
    kind: str
    region: str
    area: str
    website: str
    psc_name: str
    names: tuple[tuple[str, str], ...]
    contacts: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class FigureRecord:
    """An impact figure; `source` counts the sources of its case study from 0."""

    kind: str
    direction: str
    qualifier: str
    value: Decimal
    value_high: Decimal | None
    unit: str
    label: str
    baseline_value: Decimal | None
    baseline: str
    period: str
    source: int


@dataclass(frozen=True, slots=True)
class CaseStudyRecord:
    """
    A case study with its parts.

    `sections` holds HTML in the order of SECTIONS; themes and settings are slugs; organisations are places in
    `organisations()`, and `contacts` are (organisation, place among its contacts, role).
    """

    number: int
    slug: str
    title: str
    summary: str
    sections: tuple[str, ...]
    result: str
    stage: str
    start_year: int | None
    end_year: int | None
    themes: tuple[str, ...]
    settings: tuple[str, ...]
    intervention_types: tuple[str, ...]
    lead: int
    partners: tuple[int, ...]
    contacts: tuple[tuple[int, int, str], ...]
    sources: tuple[tuple[str, str, str], ...]
    figures: tuple[FigureRecord, ...]
    resources: tuple[tuple[str, str, str], ...]
    funding: str
    status: str
    published_at: datetime | None
    withdrawn_at: datetime | None
    withdrawal_reason: str
    created_at: datetime
    reviewed_on: date | None
    review_due_on: date | None

    @property
    def is_public(self) -> bool:
        """Say whether visitors see it."""
        return self.status == "published" and self.published_at != SCHEDULED_FOR


# --- Choosing ------------------------------------------------------------------------------------------------


def rank(rng: Random, number: int) -> int:
    """Choose a rank from 0 to number - 1, rank r about 1/(r + 1) as often as rank 0."""
    # Uniform on a logarithmic scale is Zipf's law, at the cost of one power.
    return int((number + 1) ** rng.random()) - 1


def pick[Item](rng: Random, items: Sequence[Item]) -> Item:
    """Choose evenly."""
    return items[int(rng.random() * len(items))]


def skewed[Item](rng: Random, items: Sequence[Item]) -> Item:
    """Choose by rank: the first by far the most often."""
    return items[rank(rng, len(items))]


def several[Item](rng: Random, items: Sequence[Item], number: int) -> tuple[Item, ...]:
    """Choose several different ones by rank."""
    chosen: dict[Item, None] = {}
    while len(chosen) < number:
        chosen[skewed(rng, items)] = None
    return tuple(chosen)


# --- What the sample content gives ---------------------------------------------------------------------------


def sample(name: str) -> list[Record]:
    """Read a file of the sample content."""
    records: list[Record] = json.loads((SAMPLE_CONTENT / name).read_text(encoding="utf-8"))
    return records


def by_use(records: list[Record], field: str) -> tuple[Taxon, ...]:
    """Put themes or settings in the order of how many sample case studies have them."""
    uses = Counter(slug for record in sample("case-studies.json") for slug in record[field])
    taxa = [
        Taxon(record["slug"], record["name"], record.get("introduction", ""), record["order"]) for record in records
    ]
    return tuple(sorted(taxa, key=lambda taxon: (-uses[taxon.slug], taxon.slug)))


@cache
def themes() -> tuple[Taxon, ...]:
    """Give the themes, the most used one first."""
    return by_use(sample("themes.json"), "themes")


@cache
def settings() -> tuple[Taxon, ...]:
    """Give the care settings, the most used one first."""
    return by_use(sample("settings.json"), "settings")


@cache
def sentences(section: str, theme: str = "") -> tuple[str, ...]:
    """Give the sentences of a section of the sample content, of all themes or of one."""
    found = {
        sentence
        for record in sample("case-studies.json")
        if not theme or theme in record["themes"]
        for sentence in re.split(r"(?<=[.?!])\s+(?=[A-Z“\"])", record[section])
        if sentence
    }
    return tuple(sorted(found))


# Sections that the sample content does not have are written with the sentences of one that it has.
LIKE = {"getting_started": "lessons", "keeping_it_going": "lessons"}
PROBLEMS = {
    "care-homes": ("falls among residents", "avoidable admissions", "missed medicines", "calls at night"),
    "deterioration": ("late escalation", "missed sepsis", "unseen deterioration", "cardiac arrests on wards"),
    "workforce-development": ("gaps in training", "staff turnover", "uneven skills", "unsafe handovers"),
    "medicines-safety": ("prescribing errors", "missed doses", "needless sedatives", "interrupted medicines rounds"),
    "monitoring-and-screening": ("missed observations", "late diagnosis", "unread test results", "strokes"),
    "safety-culture": ("unreported incidents", "blame after errors", "silence in theatre", "repeated incidents"),
    "falls": ("falls with harm", "falls at night", "hip fractures", "repeated falls"),
    "infection-prevention": ("urinary tract infections", "wound infections", "line infections", "pneumonia"),
    "frailty": ("long stays", "loss of mobility", "readmissions", "delirium"),
    "never-events": ("retained swabs", "misplaced feeding tubes", "wrong-site blocks", "guidewires left behind"),
    "maternity-and-neonatal": ("severe tears", "cerebral palsy", "cold newborn babies", "births in the wrong place"),
    "transfers-of-care": (
        "lost discharge letters",
        "delayed discharges",
        "wrong medicines at home",
        "missed referrals",
    ),
    "pressure-ulcers": ("pressure ulcers", "broken skin", "late repositioning", "unsuitable mattresses"),
    "mental-health": ("restraint", "late returns from leave", "seclusion", "missed physical checks"),
    "dementia": ("undiagnosed dementia", "needless antipsychotics", "distress at night", "moves between wards"),
    "hydration-and-nutrition": ("dehydration", "weight loss", "choking", "untouched meals"),
}
ACTIONS = (
    "a daily huddle", "a shared checklist", "pharmacist reviews", "an early warning score", "a video link",
    "a learning collaborative", "a care bundle", "structured rounds", "a handover card", "peer observation",
    "a screening tool", "remote monitoring", "a one-page care plan", "simulation training", "a sticker on the chart",
    "a telephone clinic", "a visiting team", "a dashboard", "a red tabard", "a bedside board", "a shared record",
    "a safety thermometer", "feedback letters", "a medicines passport", "champions on every shift",
)  # fmt: skip
WHO = (
    "care homes", "wards", "general practices", "community teams", "emergency departments", "ambulance crews",
    "maternity units", "pharmacies", "mental health wards", "district nurses", "hospices", "theatre teams",
)  # fmt: skip
# P a place, A an action, B a problem, W who, T a made-up word.
TITLES = (
    "{A} for {W} in {P}", "Fewer {B} in {P}: {A}", "{T}: {A} against {B}", "{P}: {A} to prevent {B}",
    "How {W} in {P} cut {B}", "{T} in {P}: fewer {B}", "Preventing {B} with {A} in {P}", "{A} and {T} in {W}",
)  # fmt: skip
SUMMARIES = (
    "Teams in {P} brought in {A} with {T} to reduce {B}.",
    "{W} across {P} tried {A}, and {B} became rarer.",
    "After {B} had risen for two years, {P} turned to {A}.",
)
PATTERNS = (
    "Staff in {P} tested {A} together with {T} before other {W} took it up.",
    "The {T} team met every {N} weeks and looked at {B} one by one.",
    "Of {N} {W} that were asked, most in {P} had tried {T} before.",
    "{A} was easier to keep up where {T} was already in use.",
    "Each month {N} members of staff were shown how {T} and {A} fit together.",
    "Two {W} in {P} left out {T} and saw no difference in {B}.",
    "A nurse from {P} described {B} as the reason why {T} was needed.",
    "It took {N} weeks until {A} reached every shift in {P}.",
    "Visits to {P} showed that {T} and {U} were often confused.",
    "Families asked for {U} as well, and {W} in {P} now offer it.",
    "The cost of {T} was met by a grant until {P} took it on.",
    "At first {B} rose, as they were now counted; after {N} days they fell.",
    "A pharmacist in {P} wrote the guide to {T} that most sites still follow.",
    "Managers kept a log of {B}, which {W} could see on a screen.",
    "Agency workers had no access to {T}, so {A} was printed for them.",
    "What helped most was a phone call from {P} after every change to {T}.",
    "Volunteers in {P} collected {N} stories about {B}.",
    "The university compared {T} with {U} and found {U} quicker to learn.",
    "Doctors doubted {A} until the figures from {P} were published.",
    "An interview with relatives brought up {U}, which nobody had considered.",
    "{N} questionnaires came back; {B} worried {W} more than anything else.",
    "Software for {T} failed twice, and paper forms filled the gap.",
    "Commissioners in {P} now write {A} into their contracts with {W}.",
    "Small prizes for the shift with fewest {B} kept interest alive.",
    "The design of {T} was changed {N} times with advice from {P}.",
    "Equipment for {U} stood unused in {P} because its batteries ran out.",
    "Bank holidays were the hardest: {B} doubled when {T} was closed.",
    "A short film about {T} replaced the lecture, and attendance grew.",
    "Night staff used {U} less than others did, for want of light.",
    "An external review praised {A} but called the data on {B} thin.",
)
BEGINNINGS = (
    "Ash", "Ald", "Bark", "Beck", "Birch", "Black", "Brack", "Broad", "Burn", "Cald", "Carl", "Chet", "Clay", "Cold",
    "Crom", "Dar", "Dun", "East", "Eld", "Elm", "Fair", "Fern", "Ful", "Glen", "Gold", "Grim", "Hal", "Har", "Hart",
    "Haw", "Hazel", "High", "Hol", "Hurst", "Kel", "Kirk", "Lang", "Lin", "Long", "Mal", "Mar", "Mel", "Mid", "Mill",
    "Nether", "New", "Nor", "Oak", "Old", "Pen", "Pres", "Rad", "Raven", "Red", "Rom", "Ros", "Sand", "Sel", "Shel",
    "Stan", "Stock", "Strat", "Thorn", "Tun", "Under", "Wal", "West", "Whit", "Win", "Wood",
)  # fmt: skip
ENDINGS = (
    "bourne", "bridge", "bury", "by", "combe", "cote", "dale", "den", "field", "ford", "gate", "ham", "hurst", "ley",
    "low", "mere", "mouth", "over", "port", "ridge", "shaw", "stead", "stoke", "thorpe", "ton", "wick", "wold",
    "worth",
)  # fmt: skip
ONSETS = (
    "b", "br", "c", "cl", "d", "dr", "f", "fl", "g", "gr", "h", "j", "k", "l", "m", "n", "p", "pl", "r", "s",
    "st", "t", "tr", "v", "w", "z",
)  # fmt: skip
NUCLEI = ("a", "a", "e", "e", "i", "i", "o", "o", "u", "ea")
CODAS = ("", "", "", "l", "m", "n", "r", "s", "x")
# Ordinary words lead the made-up ones, so that the common words are words.
COMMON = (
    "observation", "handover", "escalation", "feedback", "coaching", "simulation", "audit", "leadership",
    "reconciliation", "mobility", "nutrition", "mattresses", "ultrasound", "telehealth", "thermometers", "oximetry",
    "catheters", "antibiotics", "opioids", "anticoagulants", "insulin", "paracetamol", "sepsis", "delirium",
)  # fmt: skip


@cache
def places() -> tuple[str, ...]:
    """Give made-up place names, in an order of their own."""
    found = [f"{beginning}{ending}" for beginning in BEGINNINGS for ending in ENDINGS]
    Random("places").shuffle(found)
    return tuple(found)


@cache
def words() -> tuple[str, ...]:
    """Give the vocabulary that Zipf's law chooses from, the most common word first."""
    rng = Random("words")
    found = dict.fromkeys(COMMON)
    while len(found) < MADE_UP_WORDS:
        syllables = (pick(rng, ONSETS) + pick(rng, NUCLEI) + pick(rng, CODAS) for _ in range(pick(rng, (2, 3, 3))))
        found["".join(syllables)] = None
    return tuple(found)


# --- Organisations -------------------------------------------------------------------------------------------

KINDS = (
    ("{P} NHS Foundation Trust", "trust"), ("{P} Care", "care-provider"), ("{P} Council", "council"),
    ("{P} Medical Group", "primary-care"), ("NHS {P} Integrated Care Board", "commissioner"),
    ("University of {P}", "university"), ("{P} Hospice", "charity"), ("{P} Health Technologies", "industry"),
)  # fmt: skip
FIRST_NAMES = (
    "Amara",
    "Bryn",
    "Chidi",
    "Dilys",
    "Eleri",
    "Farah",
    "Gareth",
    "Hannah",
    "Imran",
    "Joan",
    "Kofi",
    "Lena",
)
REGION_SLUGS = {region.replace("-", " "): region for region in REGIONS}


@cache
def organisations() -> tuple[OrganisationRecord, ...]:
    """Give the organisations: those of the sample content and made-up ones, mixed, the busiest first."""
    found = [sample_organisation(record) for record in sample("organisations.json")]
    found += [made_up_organisation(number) for number in range(ORGANISATIONS - len(found))]
    Random("organisations").shuffle(found)
    return tuple(found)


def sample_organisation(record: Record) -> OrganisationRecord:
    """Give an organisation of the sample content."""
    names = [("short", name) for name in record["short_names"]] + [("former", name) for name in record["former_names"]]
    return OrganisationRecord(
        slug=record["slug"],
        name=record["name"],
        kind=record["kind"],
        region=REGION_SLUGS[record["nhs_region"].lower()],
        area=record["area"],
        website=record["website"],
        psc_name=record["psc_name"],
        names=tuple(names),
        contacts=contacts(record["slug"]),
    )


def made_up_organisation(number: int) -> OrganisationRecord:
    """Make up an organisation; each has a place of its own."""
    rng = Random(f"organisation {number}")
    place = places()[-1 - number]  # the end of the list, which texts do not use
    pattern, kind = KINDS[number % len(KINDS)]
    name = pattern.format(P=place)
    slug = re.sub(r"[^a-z]+", "-", name.lower())
    names: list[tuple[str, str]] = []
    if rng.random() < 0.5:
        names.append(("short", "".join(word[0] for word in name.split() if word[0].isupper()) + place[1:3].upper()))
    if rng.random() < 0.4:
        names.append(("former", f"{place} and {pick(rng, places()[:200])} Partnership"))
    return OrganisationRecord(
        slug=slug,
        name=name,
        kind=kind,
        region=pick(rng, REGIONS),
        area=f"{place} and the villages around it" if rng.random() < 0.7 else "",
        website=f"https://www.{slug}.example/",
        psc_name="",
        names=tuple(names),
        contacts=contacts(slug),
    )


def contacts(slug: str) -> tuple[tuple[str, str, str], ...]:
    """Give an organisation's team mailbox and a person, under a domain that reaches nobody (RFC 2606)."""
    rng = Random(f"contacts {slug}")
    domain = f"{slug[:63].rstrip('-')}.example"
    name = f"{pick(rng, FIRST_NAMES)} {pick(rng, places())}"
    return (
        ("Patient safety team", "", f"patient-safety@{domain}"),
        (name, "Improvement lead", f"{name.lower().replace(' ', '.')}@{domain}"),
    )


# --- Case studies --------------------------------------------------------------------------------------------


def case_studies(number: int, start: int = 1) -> Iterator[CaseStudyRecord]:
    """Give the case studies from `start` to `number`; fewer are always the beginning of more."""
    return (case_study(which) for which in range(start, number + 1))


def case_study(number: int) -> CaseStudyRecord:
    """Make up the case study of a number, counted from 1."""
    rng = Random(number)
    chosen_themes = several(rng, themes(), 1 + rank(rng, 4))
    theme = chosen_themes[0].slug
    lead = rank(rng, ORGANISATIONS)
    partners = tuple(place for place in several(rng, range(ORGANISATIONS), rank(rng, 7)) if place != lead)
    title = filled(rng, pick(rng, TITLES), theme)
    sources = tuple(source(rng, number, place) for place in range(1 + rank(rng, 3)))
    first_year = 2005 + int(rng.random() * 19)
    last_year = first_year + rank(rng, 6)
    status, published_at, withdrawn_at, reason = publication(rng)
    reviewed_on = (published_at or FIRST_PUBLISHED).date() if rng.random() < 0.8 and status != "draft" else None
    if published_at == SCHEDULED_FOR:
        reviewed_on = None
    return CaseStudyRecord(
        number=number,
        slug=f"{re.sub(r'[^a-z0-9]+', '-', title.lower())[:90].strip('-')}-{number}",
        title=title,
        summary=summary(rng, theme),
        sections=tuple(section(rng, name, theme) for name in SECTIONS),
        result=skewed(rng, RESULTS),
        stage=skewed(rng, STAGES),
        start_year=first_year if rng.random() < 0.9 else None,
        end_year=last_year if rng.random() < 0.8 else None,
        themes=tuple(taxon.slug for taxon in chosen_themes),
        settings=tuple(taxon.slug for taxon in several(rng, settings(), 1 + rank(rng, 2))),
        intervention_types=several(rng, INTERVENTION_TYPES, rank(rng, 4)),
        lead=lead,
        partners=partners,
        contacts=((lead, 0, "Project team"), (lead, 1, "Project lead"))[: 1 + rank(rng, 2)],
        sources=sources,
        figures=tuple(figure(rng, theme, len(sources)) for _ in range(rank(rng, 4))),
        resources=tuple(resource(rng, number, place) for place in range(rank(rng, 3))),
        funding=f"Paid for by the {pick(rng, places())} improvement fund." if rng.random() < 0.5 else "",
        status=status,
        published_at=published_at,
        withdrawn_at=withdrawn_at,
        withdrawal_reason=reason,
        created_at=FIRST_PUBLISHED if published_at == SCHEDULED_FOR else published_at or FIRST_PUBLISHED,
        reviewed_on=reviewed_on,
        review_due_on=reviewed_on + timedelta(days=365) if reviewed_on else None,
    )


def publication(rng: Random) -> tuple[str, datetime | None, datetime | None, str]:
    """Give status, time of publication, and time and reason of withdrawal."""
    # To the minute, and no two days alike: "newest first" is then one order.
    published_at = FIRST_PUBLISHED + timedelta(minutes=int(rng.random() * DAYS_OF_PUBLISHING * 24 * 60))
    which = rng.random() * 1000
    if which < DRAFTS:
        return "draft", None, None, ""
    if which < DRAFTS + WITHDRAWN:
        reason = "The approach has been replaced by newer national guidance."
        return "withdrawn", published_at, published_at + timedelta(days=int(rng.random() * 300)), reason
    if which < DRAFTS + WITHDRAWN + SCHEDULED:
        return "published", SCHEDULED_FOR, None, ""
    return "published", published_at, None, ""


def filled(rng: Random, pattern: str, theme: str) -> str:
    """Fill a pattern with phrases that suit the theme, with places and with words by Zipf's law."""
    text = pattern.format(
        A=pick(rng, ACTIONS),
        B=pick(rng, PROBLEMS[theme]),
        W=pick(rng, WHO),
        P=skewed(rng, places()[:1600]),
        T=skewed(rng, words()),
        U=skewed(rng, words()),
        N=2 + int(rng.random() * 90),
    )
    return text[0].upper() + text[1:]


def sentence(rng: Random, section: str, theme: str) -> str:
    """Give a sentence: of the sample content (mostly of the theme), or a filled pattern."""
    which = rng.random()
    if which < 0.35:
        return filled(rng, pick(rng, PATTERNS), theme)
    like = LIKE.get(section, section)
    return pick(rng, sentences(like, theme if which < 0.7 else "") or sentences(like))


def summary(rng: Random, theme: str) -> str:
    """Give two or three sentences, at most 500 characters."""
    text = f"{filled(rng, pick(rng, SUMMARIES), theme)} {sentence(rng, 'summary', theme)}"
    more = f"{text} {sentence(rng, 'summary', theme)}"
    return more if len(more) <= 320 else text[:500]


# Sentences of each section, at least and at most.
LENGTHS = {
    "challenge": (3, 6), "approach": (5, 10), "outcome": (3, 7), "lessons": (1, 4),
    "getting_started": (1, 3), "keeping_it_going": (1, 3),
}  # fmt: skip
PER_PARAGRAPH = 4  # sentences


def section(rng: Random, name: str, theme: str) -> str:
    """Give a section as HTML paragraphs, as the loader of the sample content stores them; some have none."""
    if name in LIKE and rng.random() < 0.4:
        return ""
    least, most = LENGTHS[name]
    number = least + int(rng.random() * (most - least + 1))
    texts = [sentence(rng, name, theme) for _ in range(number)]
    paragraphs = (" ".join(texts[first : first + PER_PARAGRAPH]) for first in range(0, number, PER_PARAGRAPH))
    return "".join(f"<p>{escape(paragraph, quote=False)}</p>" for paragraph in paragraphs)


def source(rng: Random, number: int, place: int) -> tuple[str, str, str]:
    """Give title, publisher and address of a source; the address is no other's."""
    town = pick(rng, places())
    return f"Evaluation of {skewed(rng, words())} in {town}", f"{town} Institute", (
        f"https://evidence.example/{number}/{place + 1}"
    )  # fmt: skip


def figure(rng: Random, theme: str, sources: int) -> FigureRecord:
    """Give a figure that keeps the rules of its kind."""
    kind = skewed(rng, ("reach", "change", "level", "saving"))
    is_effect = kind in {"change", "level"}
    value = Decimal(2 + int(rng.random() * 88))
    has_baseline = kind == "level"
    return FigureRecord(
        kind=kind,
        direction=pick(rng, ("lower", "lower", "lower", "higher")) if is_effect else "",
        qualifier=pick(rng, ("", "", "", "about", "more than", "up to")),
        value=value * 1_000 if kind == "saving" else value,
        value_high=value + 5 if kind == "change" and rng.random() < 0.1 else None,
        unit={"saving": "£", "reach": pick(rng, WHO)}.get(kind, "%"),
        label=f"{pick(rng, PROBLEMS[theme])} in {skewed(rng, places())}",
        baseline_value=value + 7 if has_baseline else None,
        baseline="",
        period=f"{3 + int(rng.random() * 24)} months" if rng.random() < 0.7 else "",
        source=int(rng.random() * sources),
    )


def resource(rng: Random, number: int, place: int) -> tuple[str, str, str]:
    """Give title, description and link of a resource."""
    return (
        f"{skewed(rng, words()).capitalize()} toolkit",
        f"What {pick(rng, places())} used, with a form to print.",
        f"https://toolkit.example/{number}/{place + 1}",
    )
