"""
Every address of the site, found through its routes, and the pages behind them in the states they may be in.

A new route without a page here fails `tests/test_crawl.py`, so that the checks of all pages stay about all pages.
"""

import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.core.files.base import ContentFile
from django.db.models import Count, Q
from django.db.models.functions import Length
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from pypdf import PdfWriter

from casestudies.models import CaseStudy, Report, Result, Theme
from enquiries.models import Enquiry
from partners.models import Organisation
from tests.factories import (
    CaseStudyFactory,
    ContactFactory,
    EnquiryFactory,
    ReportFactory,
    ResourceFactory,
    SettingFactory,
    SourceFactory,
    ThemeFactory,
    UserFactory,
)

# What is typed as a title is shown as it is.
MARKUP = "Wombat <b>\"&amp;' <img src=x onerror=alert(1)> bold"
STAFF_PASSWORD = "correct horse battery staple"


@dataclass(frozen=True)
class Route:
    """A route: its name with its namespace, and its path with the parameters as the URL configuration has them."""

    name: str
    path: str

    @property
    def is_for_staff(self) -> bool:
        return self.path.startswith("/admin/")

    @property
    def parameters(self) -> list[str]:
        return re.findall(r"<(?:\w+:)?(\w+)>", self.path)

    def filled(self, values: dict[str, str]) -> str:
        """Give the path with values in the places of the parameters, whatever their converters would say."""
        return re.sub(r"<(?:\w+:)?(\w+)>", lambda found: values[found[1]], self.path)


def routes(resolver: URLResolver | None = None, namespace: str = "", prefix: str = "/") -> Iterator[Route]:
    """Walk through the URL configuration."""
    for pattern in (resolver or get_resolver()).url_patterns:
        path = prefix + _with_parameters(str(pattern.pattern))
        if isinstance(pattern, URLResolver):
            inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            yield from routes(pattern, inner, path)
        elif isinstance(pattern, URLPattern):
            yield Route(f"{namespace}{pattern.name or path}", path)


def _with_parameters(pattern: str) -> str:
    """Write the groups of a regular expression as parameters; other patterns stay as they are."""
    if not pattern.startswith("^") and not pattern.endswith(("$", r"\Z")):
        return pattern
    named = re.sub(r"\(\?P<(\w+)>[^)]*\)", r"<\1>", pattern)
    for number in range(1, 1 + len(re.findall(r"\([^)]*\)", named))):
        named = re.sub(r"\([^)]*\)", f"<argument_{number}>", named, count=1)
    return re.sub(r"[\^$\\]|\\Z", "", named)


ROUTES = sorted(set(routes()), key=lambda route: route.name)
PUBLIC_ROUTES = [route for route in ROUTES if not route.is_for_staff]
# Read by programs or saved as files; `tests/test_crawl.py` reads them too.
NOT_PAGES = {
    "casestudies:report_cover",
    "casestudies:report_pdf",
    "casestudies:resource_file",
    "casestudies:suggestions",
    "healthz",
    "readyz",
    "robots_txt",
    "security_txt",
    "sitemap",
    "sitemap_part",
}


@dataclass(frozen=True)
class Page:
    """A page in one of its states."""

    name: str
    route: str
    address: Callable[[], str]
    status: int = 200

    def __str__(self) -> str:
        return self.name


def _list(query: str) -> Callable[[], str]:
    return lambda: f"{reverse('casestudies:casestudy_list')}?{query}"


def _organisations(query: str) -> Callable[[], str]:
    return lambda: f"{reverse('partners:organisation_list')}?{query}"


def _named(name: str) -> Callable[[], str]:
    return lambda: reverse(name)


def _of(find: Callable[[], Any]) -> Callable[[], str]:
    def address() -> str:
        found = find()
        assert found is not None, "the content has nothing like that"
        return str(found.get_absolute_url())

    return address


def _asking(find: Callable[[], CaseStudy]) -> Callable[[], str]:
    return lambda: reverse("enquiries:enquiry_create", args=[find().slug])


def _published() -> Any:
    return CaseStudy.objects.published().exclude(slug__startswith="made-")


def _by(*order: Any, **filters: Any) -> Callable[[], CaseStudy]:
    return lambda: _published().filter(**filters).order_by(*order, "pk").first()


def _figures(order: str, **filters: Any) -> Callable[[], CaseStudy]:
    counted = Count("impact_figures")
    return lambda: _published().annotate(figures=counted).filter(**filters).order_by(order, "pk").first()


def _organisation(order: str, **filters: Any) -> Callable[[], Organisation | None]:
    counted = Count("led_case_studies", distinct=True) + Count("partnered_case_studies", distinct=True)
    return lambda: Organisation.objects.annotate(number=counted).filter(**filters).order_by(order, "pk").first()


def _made(slug: str) -> Callable[[], CaseStudy]:
    return lambda: CaseStudy.objects.get(slug=slug)


LONG_WORDS = "medicines reconciliation at discharge " * 40

PAGES = [
    Page("home", "casestudies:home", _named("casestudies:home")),
    # The list in every state.
    Page("list", "casestudies:casestudy_list", _named("casestudies:casestudy_list")),
    Page("list, page 2", "casestudies:casestudy_list", _list("page=2")),
    Page("list, search", "casestudies:casestudy_list", _list("q=falls+in+care+homes")),
    Page("list, by title", "casestudies:casestudy_list", _list("sort=title&page=3")),
    Page("list, nothing matches", "casestudies:casestudy_list", _list("q=xylophone&theme=falls&from=2001&to=2002")),
    Page("list, words without meaning", "casestudies:casestudy_list", _list("q=the+of+and")),
    Page("list, years the wrong way", "casestudies:casestudy_list", _list("from=2019&to=2011")),
    Page("list, no year", "casestudies:casestudy_list", _list("from=soon&to=1")),
    Page("list, overlong search", "casestudies:casestudy_list", _list(f"q={LONG_WORDS.replace(' ', '+')}")),
    Page("list, one long word", "casestudies:casestudy_list", _list(f"q={'pneumono' * 30}")),
    Page("list, unknown filters", "casestudies:casestudy_list", _list("theme=alchemy&stage=gone&region=atlantis")),
    Page(
        "list, many filters",
        "casestudies:casestudy_list",
        lambda: _list(
            "q=care&from=2010&to=2026&"
            + "&".join(f"theme={theme.slug}" for theme in Theme.objects.all())
            + "&setting=care-home&setting=acute-hospital&setting=general-practice"
            + "&intervention=tool&intervention=training&result=worked&result=mixed"
            + "".join(f"&region={region}" for region in Organisation.Region.values)
        )(),
    ),
    # Case studies.
    Page("case study, longest title", "casestudies:casestudy_detail", _of(_by(Length("title").desc()))),
    Page("case study, longest text", "casestudies:casestudy_detail", _of(_by(Length("approach").desc()))),
    Page("case study, most figures", "casestudies:casestudy_detail", _of(_figures("-figures"))),
    Page("case study, no figures", "casestudies:casestudy_detail", _of(_figures("pk", figures=0))),
    Page("case study, mixed", "casestudies:casestudy_detail", _of(_by(result=Result.MIXED))),
    Page("case study, not measured", "casestudies:casestudy_detail", _of(_by(result=Result.NOT_MEASURED))),
    Page("case study, did not work", "casestudies:casestudy_detail", _of(_made("made-did-not-work"))),
    Page("case study, everything", "casestudies:casestudy_detail", _of(_made("made-with-everything"))),
    Page("case study, markup as its title", "casestudies:casestudy_detail", _of(_made("made-markup"))),
    Page("case study, withdrawn", "casestudies:casestudy_detail", _of(_made("made-withdrawn")), 410),
    Page("case study, succeeded", "casestudies:casestudy_detail", _of(_made("made-succeeded")), 410),
    Page("case study, draft", "casestudies:casestudy_detail", _of(_made("made-draft")), 404),
    # Asking.
    Page("asking", "enquiries:enquiry_create", _asking(_by(Length("title").desc()))),
    Page("asking, everything", "enquiries:enquiry_create", _asking(_made("made-with-everything"))),
    Page("asking, nobody there", "enquiries:enquiry_create", _asking(_made("made-did-not-work"))),
    Page("asking, withdrawn", "enquiries:enquiry_create", _asking(_made("made-withdrawn")), 410),
    Page("asking, draft", "enquiries:enquiry_create", _asking(_made("made-draft")), 404),
    Page("asked", "enquiries:enquiry_detail", _of(lambda: Enquiry.objects.get(email="made@home.example"))),
    # Themes.
    Page("themes", "casestudies:theme_list", _named("casestudies:theme_list")),
    Page(
        "theme, most case studies",
        "casestudies:theme_detail",
        _of(lambda: Theme.objects.annotate(most=Count("case_studies")).order_by("-most", "pk").first()),
    ),
    Page("theme, no case study", "casestudies:theme_detail", _of(lambda: Theme.objects.get(slug="made-empty"))),
    # Organisations.
    Page("organisations", "partners:organisation_list", _named("partners:organisation_list")),
    Page("organisations, search", "partners:organisation_list", _organisations("q=health&region=london")),
    Page("organisations, nothing matches", "partners:organisation_list", _organisations("q=xylophone&kind=charity")),
    Page("organisations, unknown", "partners:organisation_list", _organisations("kind=guild&region=atlantis")),
    Page("organisations, overlong", "partners:organisation_list", _organisations("q=" + "trust+" * 200)),
    Page("organisation, most case studies", "partners:organisation_detail", _of(_organisation("-number"))),
    Page("organisation, no case study", "partners:organisation_detail", _of(_organisation("name", number=0))),
    Page(
        "organisation, longest name",
        "partners:organisation_detail",
        _of(lambda: Organisation.objects.order_by(Length("name").desc(), "pk").first()),
    ),
    Page(
        "organisation, many names",
        "partners:organisation_detail",
        _of(lambda: Organisation.objects.annotate(n=Count("names")).filter(~Q(psc_name="")).order_by("-n").first()),
    ),
    # Reports.
    Page("reports", "casestudies:report_list", _named("casestudies:report_list")),
    Page(
        "report, most case studies",
        "casestudies:report_detail",
        _of(lambda: Report.objects.published().annotate(n=Count("entries")).order_by("-n", "pk").first()),
    ),
    Page(
        "report, fewest case studies",
        "casestudies:report_detail",
        _of(lambda: Report.objects.published().annotate(n=Count("entries")).order_by("n", "pk").first()),
    ),
    Page(
        "report, draft",
        "casestudies:report_detail",
        _of(lambda: Report.objects.get(slug="safer-care-homes-since-2020")),
        404,
    ),
    Page("report, withdrawn", "casestudies:report_detail", _of(lambda: Report.objects.get(slug="made-report")), 410),
    # What every public site owes.
    Page("about", "about", _named("about")),
    Page("accessibility", "accessibility", _named("accessibility")),
    Page("privacy", "privacy", _named("privacy")),
    Page("cookies", "cookies", _named("cookies")),
    Page("not found", "casestudies:casestudy_detail", lambda: "/case-studies/there-is-none/", 404),
    Page("beyond reason", "", _list(f"q={'x' * 17_000}"), 414),
    Page("nowhere", "", lambda: "/nowhere/at/all", 404),
]


def a_pdf() -> bytes:
    """Give a PDF of one empty sheet."""
    file, writer = io.BytesIO(), PdfWriter()
    writer.add_blank_page(595, 842)
    writer.write(file)
    return file.getvalue()


def make_rare_content() -> None:
    """Add what the content pack has no example of; each has an address that begins with `made-`."""
    shown = ContactFactory(
        name="Improvement team", job_title="Head of quality", email="improvement@shown.example", show_email=True,
        phone="020 7946 0991", confirmed_on="2026-10-01",
    )  # fmt: skip
    hidden = ContactFactory(name="Ward team", email="ward@hidden.example", phone="020 7946 0992")
    theme = Theme.objects.first()
    everything = CaseStudyFactory(
        published=True,
        slug="made-with-everything",
        title="Handing over medicines from hospital to care home by telephone, checklist and a shared record: a trial",
        getting_started="<p>One lead, two afternoons and an agreement.</p><ul><li>People</li><li>Time</li></ul>",
        keeping_it_going="<h3>Every week</h3><p>Look at the figures together.</p>",
        lessons='<p>Read <a href="https://source.example/more">more about it</a>.</p><ol><li>Start small.</li></ol>',
        intervention_types=["tool", "training", "checklist"],
        start_year=2016,
        end_year=2018,
        funding="The council paid for the pilot.",
        reviewed_on="2026-01-05",
        review_due_on="2027-01-05",
        themes=[theme],
        settings=[SettingFactory(slug="made-setting", name="A hospice")],
        contacts=[shown, hidden],
    )
    SourceFactory(case_study=everything, publisher="The trust")
    ResourceFactory(case_study=everything, title="Checklist", description="One page to print.")
    resource = ResourceFactory.build(case_study=everything, title="Leaflet", url="")
    resource.file.save("leaflet.pdf", ContentFile(a_pdf()))
    CaseStudyFactory(published=True, slug="made-did-not-work", result=Result.DID_NOT_WORK, themes=[theme])
    CaseStudyFactory(published=True, slug="made-markup", title=MARKUP)
    CaseStudyFactory(withdrawn=True, slug="made-withdrawn", themes=[theme])
    CaseStudyFactory(withdrawn=True, slug="made-succeeded", successor=everything)
    CaseStudyFactory(slug="made-draft", themes=[theme])
    ThemeFactory(slug="made-empty", name="A theme to come", order=900)
    ReportFactory(withdrawn=True, slug="made-report")
    EnquiryFactory(case_study=everything, email="made@home.example")


def make_superuser() -> Any:
    """Add a member of staff who may do everything."""
    staff = UserFactory(username="made-admin", is_superuser=True)
    staff.set_password(STAFF_PASSWORD)
    staff.save()
    return get_user_model().objects.get(pk=staff.pk)
