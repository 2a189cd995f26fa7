"""What programs read: robots.txt, the sitemap, security.txt."""

from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

import pytest

from tests.factories import CaseStudyFactory, OrganisationFactory, ReportFactory, ThemeFactory

SPACE = "{http://www.sitemaps.org/schemas/sitemap/0.9}"


@pytest.fixture(autouse=True)
def _address(settings):
    settings.SITE_URL = "https://safety.example"


def entries(response):
    """Give what a sitemap lists: each address with its day of change, or None."""
    assert response.headers["Content-Type"] == "application/xml"
    root = ET.fromstring(response.content)  # noqa: S314 - our own
    return {entry.findtext(f"{SPACE}loc"): entry.findtext(f"{SPACE}lastmod") for entry in root}


def test_robots_txt(client):
    response = client.get("/robots.txt")
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert response.content.decode() == (
        "User-agent: *\nDisallow: /admin/\nDisallow: /enquiries/\n\nSitemap: https://safety.example/sitemap.xml\n"
    )


@pytest.mark.django_db
class TestSitemap:
    def test_the_index_names_the_parts_whatever_host_was_asked(self, client, settings):
        settings.ALLOWED_HOSTS = ["other.example"]
        response = client.get("/sitemap.xml", headers={"host": "other.example"})
        assert list(entries(response)) == [
            f"https://safety.example/sitemap-{part}.xml"
            for part in ("pages", "case-studies", "themes", "organisations", "reports")
        ]

    def test_a_part_has_what_is_public_with_the_day_of_its_change(self, client):
        shown = CaseStudyFactory(published=True)
        CaseStudyFactory()
        CaseStudyFactory(withdrawn=True)
        CaseStudyFactory(scheduled=True)
        assert entries(client.get("/sitemap-case-studies.xml")) == {
            f"https://safety.example{shown.get_absolute_url()}": shown.updated_at.date().isoformat()
        }

    def test_reports_too(self, client):
        shown = ReportFactory(published=True)
        ReportFactory()
        ReportFactory(withdrawn=True)
        ReportFactory(scheduled=True)
        assert entries(client.get("/sitemap-reports.xml")) == {
            f"https://safety.example{shown.get_absolute_url()}": shown.updated_at.date().isoformat()
        }

    def test_themes_and_organisations_and_pages(self, client):
        theme, organisation = ThemeFactory(), OrganisationFactory()
        assert entries(client.get("/sitemap-themes.xml")) == {
            f"https://safety.example{theme.get_absolute_url()}": None
        }
        assert entries(client.get("/sitemap-organisations.xml")) == {
            f"https://safety.example{organisation.get_absolute_url()}": None
        }
        pages = [
            address.removeprefix("https://safety.example") for address in entries(client.get("/sitemap-pages.xml"))
        ]
        assert pages == [
            "/", "/case-studies/", "/themes/", "/organisations/", "/reports/",
            "/about/", "/accessibility/", "/privacy/", "/cookies/",
        ]  # fmt: skip
        for page in pages:
            assert client.get(page).status_code == 200

    def test_many_addresses_come_in_several_files(self, client, monkeypatch):
        monkeypatch.setattr("safetyhub.sitemaps.SiteSitemap.limit", 2)
        OrganisationFactory.create_batch(3)
        found = list(entries(client.get("/sitemap.xml")))
        assert "https://safety.example/sitemap-organisations.xml?p=2" in found
        files = [entries(client.get(f"/sitemap-organisations.xml?p={number}")) for number in (1, 2)]
        assert [len(file) for file in files] == [2, 1]
        assert not files[0].keys() & files[1].keys()

    @pytest.mark.parametrize(
        "address", ["/sitemap-secrets.xml", "/sitemap-reports.xml?p=9", "/sitemap-reports.xml?p=x"]
    )
    def test_a_part_that_is_not_there(self, client, address):
        assert client.get(address).status_code == 404

    @pytest.mark.parametrize("count", [1, 3])
    def test_it_costs_the_same_at_any_length(self, client, django_assert_num_queries, count):
        CaseStudyFactory.create_batch(count, published=True)
        with django_assert_num_queries(2):
            assert len(entries(client.get("/sitemap-case-studies.xml"))) == count
        with django_assert_num_queries(4):
            client.get("/sitemap.xml")


class TestSecurityTxt:
    @pytest.mark.parametrize(
        ("setting", "contact"),
        [
            ("security@safety.example", "mailto:security@safety.example"),
            ("mailto:security@safety.example", "mailto:security@safety.example"),
            ("https://safety.example/report", "https://safety.example/report"),
        ],
    )
    def test_names_the_contact_and_expires_within_a_year(self, client, settings, setting, contact):
        settings.SECURITY_CONTACT = setting
        response = client.get("/.well-known/security.txt")
        assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
        lines = dict(line.split(": ", 1) for line in response.content.decode().splitlines())
        expires = datetime.fromisoformat(lines.pop("Expires"))
        assert timedelta(days=90) < expires - datetime.now(UTC) < timedelta(days=365)
        assert lines == {
            "Contact": contact,
            "Preferred-Languages": "en",
            "Canonical": "https://safety.example/.well-known/security.txt",
        }

    def test_is_not_there_without_a_contact(self, client, settings):
        settings.SECURITY_CONTACT = ""
        assert client.get("/.well-known/security.txt").status_code == 404


def test_they_set_no_cookie(client):
    assert "Set-Cookie" not in client.get("/robots.txt").headers
