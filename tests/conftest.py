"""What every test may ask for."""

import pytest
from django.test import Client


@pytest.fixture(autouse=True)
def _media_in_a_folder_of_its_own(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"


@pytest.fixture
def visitor() -> Client:
    """A visitor's browser: answers 500 as a page instead of raising, as the real site does."""
    return Client(raise_request_exception=False)
