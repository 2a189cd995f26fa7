"""Case studies related to another, each with its reason in words."""

from dataclasses import dataclass

from django.db.models import Case, Count, IntegerField, Q, Value, When
from django.utils.text import get_text_list

from casestudies.models import CaseStudy, InterventionType, Setting


@dataclass(frozen=True)
class Related:
    """A case study and why it is shown; the reason is true of both."""

    case_study: CaseStudy
    reason: str


def related_to(case_study: CaseStudy, *, limit: int = 3) -> list[Related]:
    """
    Find the published case studies that share most with one, nearest first; at most `limit`.

    A shared theme counts most, then the care setting and the lead organisation, then what was introduced. Without
    a shared theme nothing is related.
    """
    themes = list(case_study.themes.all())
    settings = list(case_study.settings.all())
    if not themes:
        return []
    nearest = (
        CaseStudy.objects.published()
        .exclude(pk=case_study.pk)
        .filter(themes__in=themes)
        .annotate(
            shared=3 * Count("themes", filter=Q(themes__in=themes), distinct=True)
            + 2 * Count("settings", filter=Q(settings__in=settings), distinct=True)
            + Case(
                When(lead_organisation=case_study.lead_organisation_id, then=Value(2)),
                default=Value(0),
                output_field=IntegerField(),
            )
            + Case(
                When(intervention_types__overlap=case_study.intervention_types, then=Value(1)),
                default=Value(0),
                output_field=IntegerField(),
            )
        )
        .order_by("-shared", "-published_at", "pk")
        .for_reports()
        .prefetch_related("themes")[:limit]
    )
    return [Related(other, reason(case_study, other)) for other in nearest]


def reason(one: CaseStudy, other: CaseStudy) -> str:
    """
    Say in words what two case studies share: `Also about falls and frailty, in general practice, with training`.

    A setting that is also a shared theme (care homes) is said once.
    """
    theirs = set(other.themes.all())
    themes = [lower_first(theme.name) for theme in one.themes.all() if theme in theirs]
    places = set(other.settings.all())
    settings = [setting_phrase(setting) for setting in one.settings.all() if setting in places]
    settings = [phrase for phrase in settings if phrase.removeprefix("in ") not in themes]
    introduced = [
        lower_first(str(InterventionType(value).label))
        for value in one.intervention_types
        if value in other.intervention_types
    ]
    parts = [f"about {_listed(themes)}"] if themes else []
    if settings:
        parts.append(listed_places(settings, "and"))
    if one.lead_organisation_id == other.lead_organisation_id:
        parts.append(f"led by {one.lead_organisation.name}")
    if introduced and len(parts) < 3:
        parts.append(f"with {get_text_list([with_article(word) for word in introduced], 'and')}")
    return f"Also {', '.join(parts)}"


def lower_first(text: str) -> str:
    """Write a term as it stands inside a sentence, leaving abbreviations (NHS, AHSN) alone."""
    return text[:1].lower() + text[1:] if text[1:2].islower() else text


def setting_phrase(setting: Setting) -> str:
    """Give how a care setting reads in a sentence: `in care homes`."""
    return setting.phrase or f"in {lower_first(setting.name)}"


def _listed(names: list[str]) -> str:
    """List names with "and", and a comma before it where a name has an "and" of its own."""
    if len(names) > 1 and any(" and " in name for name in names):
        return f"{', '.join(names[:-1])}, and {names[-1]}"
    return str(get_text_list(names, "and"))


def listed_places(phrases: list[str], last_word: str) -> str:
    """List settings with one "in": `in care homes, acute hospitals and ambulance services`."""
    if not all(phrase.startswith("in ") for phrase in phrases):
        return get_text_list(phrases, last_word)
    return f"in {get_text_list([phrase.removeprefix('in ') for phrase in phrases], last_word)}"


def with_article(word: str) -> str:
    """Write what was introduced as it follows "with": a tool, training, a medicines review, digital tools."""
    return {"digital": "digital tools", "training": "training"}.get(word, f"a {word}")
