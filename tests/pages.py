"""Reading a page in a test."""

from bs4 import BeautifulSoup
from django.http import HttpResponse


def soup(response: HttpResponse) -> BeautifulSoup:
    """Parse a response's page."""
    return BeautifulSoup(response.content, "html.parser")


def text(page: BeautifulSoup, selector: str) -> str:
    """Give the text of the one element that matches, white space folded."""
    (element,) = page.select(selector)
    return " ".join(element.get_text().split())


def texts(page: BeautifulSoup, selector: str) -> list[str]:
    """Give the texts of all elements that match, in order, white space folded."""
    return [" ".join(element.get_text().split()) for element in page.select(selector)]
