"""What travels compressed, and that it is the same when it is unpacked."""

import gzip

import pytest
from django.test import Client

from tests.factories import CaseStudyFactory, UserFactory

pytestmark = pytest.mark.django_db
GZIP = {"Accept-Encoding": "gzip, deflate, br"}


def test_a_page_is_the_same_when_it_is_unpacked(client: Client):
    CaseStudyFactory(published=True, title="Fewer falls – “naïve” 水")
    plain, packed = client.get("/case-studies/"), client.get("/case-studies/", headers=GZIP)
    assert plain.headers.get("Content-Encoding") is None
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.content) == plain.content
    assert packed.headers["Content-Length"] == str(len(packed.content))
    assert packed.content[4:8] == bytes(4)  # no time (RFC 1952, 2.3.1): the same page has the same ETag
    assert len(packed.content) * 3 < len(plain.content)
    assert plain.headers["Vary"] == packed.headers["Vary"] == "Accept-Encoding"


@pytest.mark.parametrize("encoding", ["", "identity", "br", "deflate"])
def test_who_does_not_ask_for_gzip_gets_none(client: Client, encoding: str):
    answer = client.get("/about/", headers={"Accept-Encoding": encoding})
    assert answer.headers.get("Content-Encoding") is None
    assert answer.content.startswith(b"<!DOCTYPE html>") or b"<!DOCTYPE html>" in answer.content[:100]


def test_pages_of_one_person_hide_their_length(client: Client):
    """Django gives each a file name of any length (Heal the BREACH); a page for everyone has no secret to hide."""
    has_name = 8  # flag of RFC 1952, 2.3.1
    client.force_login(UserFactory(is_superuser=True))
    for path in ("/admin/", "/admin/jsi18n/"):  # which sets a cookie, and which sets none
        assert client.get(path, headers=GZIP).content[3] & has_name
    assert client.get("/about/", headers=GZIP).content[3] & has_name == 0
    form = f"{CaseStudyFactory(published=True).get_absolute_url()}contact/"
    assert client.get(form, headers=GZIP).content[3] & has_name == 0
    assert client.post(form, {"message": "Mine."}, headers=GZIP).content[3] & has_name


def test_what_is_short_is_sent_as_it_is(client: Client):
    answer = client.get("/healthz", headers=GZIP)
    assert (answer.status_code, answer.headers.get("Content-Encoding")) == (200, None)
