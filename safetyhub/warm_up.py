"""
What a process does before its first visitor: it reads the index of all case studies, and makes some pages.

The first page of each kind compiles its templates, the first search reads the words it knows; visitors would wait a
quarter of a second for that.
"""

import logging
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit
from wsgiref.util import setup_testing_defaults

from django.conf import settings
from django.db import connections
from django.urls import reverse

from casestudies.catalogue import read_catalogue
from casestudies.models import CaseStudy

logger = logging.getLogger(__name__)

type Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def warm_up(application: Application, is_alive: Callable[[], None]) -> None:
    """
    Prepare a process to answer with an application (PEP 3333), and say after each page that it is alive.

    Raises DatabaseError when the database is away: then the first visitors wait, if it is there by then.
    """
    try:
        read_catalogue()
        for address in addresses():
            is_alive()
            status = _ask(application, address)
            # The next would end like this one, and each may take seconds.
            if not status.startswith("200"):
                logger.warning("The first visitors will wait a little: making %s ended with %s.", address, status)
                break
    finally:
        connections.close_all()


def addresses() -> list[str]:
    """Give an address of each kind of page that visitors ask for most."""
    case_studies = reverse("casestudies:casestudy_list")
    pages = [
        reverse("casestudies:home"),
        case_studies,
        f"{case_studies}?q=care+home",
        f"{case_studies}?q=medicnes+savety&region=london",  # misspelt, so that the words of everyday English are read
        f"{reverse('casestudies:suggestions')}?q=me",
        reverse("casestudies:theme_list"),
        reverse("casestudies:report_list"),
        reverse("partners:organisation_list"),
        reverse("about"),
    ]
    newest = CaseStudy.objects.published().select_related("lead_organisation").first()
    if newest is not None:
        pages += [newest.get_absolute_url(), newest.lead_organisation.get_absolute_url()]
        pages += [theme.get_absolute_url() for theme in newest.themes.all()[:1]]
        pages.append(reverse("enquiries:enquiry_create", args=[newest.slug]))
    return pages


def _ask(application: Application, address: str) -> str:
    """Ask for a page as a visitor's browser does and throw it away; gives the status."""
    site, page = urlsplit(settings.SITE_URL), urlsplit(address)
    environ: dict[str, Any] = {
        "HTTP_HOST": site.netloc,
        "HTTP_ACCEPT_ENCODING": "gzip",
        "HTTP_X_FORWARDED_PROTO": site.scheme,
        "PATH_INFO": page.path,
        "QUERY_STRING": page.query,
        "wsgi.url_scheme": site.scheme,
    }
    setup_testing_defaults(environ)
    statuses: list[str] = []
    response = application(environ, lambda status, *_: statuses.append(status))
    for _ in response:
        pass
    close: Callable[[], None] = getattr(response, "close", lambda: None)
    close()  # which ends the request, for Django
    return statuses[-1]
