"""The sitemap: every public page, by kind, at its canonical address."""

from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.sitemaps import Sitemap
from django.contrib.sitemaps.views import SitemapIndexItem
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from casestudies.models import CaseStudy, Report, Theme
from partners.models import Organisation


class SiteSitemap(Sitemap[Any]):
    """A part of the sitemap. Addresses come from SITE_URL, never from the Host header of a request."""

    def get_protocol(self, protocol: str | None = None) -> str:
        """Give the scheme."""
        return urlsplit(settings.SITE_URL).scheme

    def get_domain(self, site: Any = None) -> str:
        """Give what stands between the scheme and the path."""
        return settings.SITE_URL.partition("://")[2]


class PageSitemap(SiteSitemap):
    """The pages that are always there."""

    names = (
        "casestudies:home",
        "casestudies:casestudy_list",
        "casestudies:theme_list",
        "partners:organisation_list",
        "casestudies:report_list",
        "about",
        "accessibility",
        "privacy",
        "cookies",
    )

    def items(self) -> list[str]:
        """Give their routes."""
        return list(self.names)

    def location(self, item: str) -> str:
        """Give the path of a route."""
        return reverse(item)


class CaseStudySitemap(SiteSitemap):
    """Published case studies."""

    def items(self) -> QuerySet[CaseStudy]:
        """Give them in a lasting order, so that pages of the sitemap do not overlap."""
        return CaseStudy.objects.published().only("slug", "updated_at").order_by("pk")

    def lastmod(self, item: CaseStudy) -> datetime:
        """Say when it was last changed."""
        return item.updated_at


class ReportSitemap(SiteSitemap):
    """Published reports."""

    def items(self) -> QuerySet[Report]:
        """Give them in a lasting order."""
        return Report.objects.published().only("slug", "updated_at").order_by("pk")

    def lastmod(self, item: Report) -> datetime:
        """Say when it was last changed."""
        return item.updated_at


class ThemeSitemap(SiteSitemap):
    """Themes."""

    def items(self) -> QuerySet[Theme]:
        """Give them in their order."""
        return Theme.objects.only("slug").order_by("pk")


class OrganisationSitemap(SiteSitemap):
    """Organisations."""

    def items(self) -> QuerySet[Organisation]:
        """Give them in a lasting order."""
        return Organisation.objects.only("slug").order_by("pk")


SITEMAPS: dict[str, type[SiteSitemap]] = {
    "pages": PageSitemap,
    "case-studies": CaseStudySitemap,
    "themes": ThemeSitemap,
    "organisations": OrganisationSitemap,
    "reports": ReportSitemap,
}


@require_safe
def sitemap(request: HttpRequest) -> TemplateResponse:
    """
    List the parts of the sitemap. Each holds up to 50,000 addresses, the limit of the sitemaps protocol.

    Django's own index takes the addresses of the parts from the request's host.
    """
    parts = []
    for section, part in SITEMAPS.items():
        address = f"{settings.SITE_URL}{reverse('sitemap_part', args=[section])}"
        pages = part().paginator.num_pages
        parts += [SitemapIndexItem(f"{address}?p={page}" if page > 1 else address) for page in range(1, pages + 1)]
    return TemplateResponse(
        request, "sitemap_index.xml", {"sitemaps": parts}, content_type="application/xml", using="django"
    )
