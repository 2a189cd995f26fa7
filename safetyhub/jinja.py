"""The Jinja2 environment of the public pages: the NHS components, and what every page may use."""

import json
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.template.defaultfilters import filesizeformat
from django.templatetags import static as staticfiles
from django.urls import reverse
from django.utils import timezone
from django.utils.dateformat import format as format_date
from django.utils.text import get_text_list
from jinja2 import ChainableUndefined, ChoiceLoader, Environment, PackageLoader
from markupsafe import Markup

from safetyhub.structured_data import json_ld


def absolute(path: str) -> str:
    """Give the canonical address of a path on this site, from the SITE_URL setting."""
    return f"{settings.SITE_URL}{path}"


@lru_cache(maxsize=1000)
def url(name: str, *args: Any, **kwargs: Any) -> str:
    """Reverse a route by name, as `{% url %}` does in Django's own templates; a page asks for some twice a dozen."""
    return reverse(name, args=args, kwargs=kwargs)


@lru_cache(maxsize=100)
def static(path: str) -> str:
    """Give the address of a static file, as `{% static %}` does; it stays as long as the process."""
    return staticfiles.static(path)


def day(value: Any) -> str:
    """Write a date as the NHS content guide does: 4 September 2019. Times are given as the day in London."""
    if not value:
        return ""
    if hasattr(value, "tzinfo"):
        value = timezone.localtime(value)
    return format_date(value, "j F Y")


def host(address: str) -> str:
    """Give the host of a web address without `www.`, to show where a link leads."""
    return (urlsplit(address).hostname or "").removeprefix("www.")


def capitalize_first(text: str) -> str:
    """Begin a sentence with a phrase, leaving the rest as it is (Jinja's own `capitalize` lowers abbreviations)."""
    return text[:1].upper() + text[1:]


def first_sentence(text: str) -> str:
    """Give the first sentence of a text. A full stop after one letter or two ends an abbreviation, not a sentence."""
    return re.split(r"(?<=[\w%)’”]{3}[.!?])\s+(?=[A-Z“‘0-9])", text.strip(), maxsplit=1)[0]


def quoted_list(words: Iterable[str]) -> str:
    """List words as they are quoted in a sentence: “meds”, “drug” and “medicine”."""
    return str(get_text_list([f"“{word}”" for word in words], "and"))


def counted(number: int, singular: str, plural: str = "") -> str:
    """Write a number with its noun: 1 case study, 12 case studies, 1,204 homes."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def camel_case(name: str) -> str:
    """Give the name of a component's macro: `errorSummary` of `error-summary`."""
    first, *rest = name.split("-")
    return first + "".join(word.capitalize() for word in rest)


def environment(**options: Any) -> Environment:
    """
    Make the environment. Called once by Django's Jinja2 backend.

    `ChainableUndefined` and the block trimming are what `nhsuk-frontend-jinja` is written for.
    """
    own_loader = options.pop("loader")
    options |= {
        "loader": ChoiceLoader([own_loader, PackageLoader("nhsuk_frontend_jinja")]),
        "undefined": ChainableUndefined,
        "trim_blocks": True,
        "lstrip_blocks": True,
    }
    env = Environment(autoescape=True, **{k: v for k, v in options.items() if k != "autoescape"})

    @lru_cache(maxsize=500)
    def rendered(name: str, parameters: str) -> Markup:
        macros: Any = env.get_template(f"nhsuk/components/{name}/macro.jinja").module
        return Markup(getattr(macros, camel_case(name))(json.loads(parameters)))  # noqa: S704  # the component escapes

    def component(name: str, parameters: dict[str, Any]) -> Markup:
        """
        Give an NHS component that stands on many pages, such as the header.

        It is what its parameters make of it, so it is made once for each: a page has little else that takes as long.
        """
        return rendered(name, json.dumps(parameters, default=str))

    env.globals |= {
        "absolute": absolute,
        "component": component,
        "counted": counted,
        "json_ld": json_ld,
        "settings": {
            name: getattr(settings, name)
            for name in (
                "SERVICE_NAME",
                "SERVICE_DESCRIPTION",
                "ORGANISATION_NAME",
                "SUPPORT_EMAIL",
                "SITE_URL",
            )
        },
        "static": static,
        "url": url,
    }
    env.filters |= {
        "capitalize_first": capitalize_first,
        "day": day,
        "filesizeformat": filesizeformat,
        "first_sentence": first_sentence,
        "host": host,
        "quoted_list": quoted_list,
    }
    return env
