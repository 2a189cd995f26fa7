"""Structured data (JSON-LD, schema.org) for search engines, safe to put into a page."""

import json
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.utils.safestring import SafeString, mark_safe
from jinja2 import Undefined

# As Django's json_script: what could end the element or begin a comment.
ESCAPES = {ord(">"): "\\u003E", ord("<"): "\\u003C", ord("&"): "\\u0026"}


def json_ld(data: dict[str, Any]) -> SafeString:
    """
    Give the script element that describes a page in schema.org's words.

    Entries without a value (None, undefined in the template, empty text, list or dictionary) are left out, at
    every depth, so that a page need not ask first. Dates and decimals are written as Django writes them. The
    element is a data block: the browser does not run it, so the content security policy asks for no hash.
    """
    filled = {"@context": "https://schema.org"} | _without_empty(data)
    text = json.dumps(filled, cls=DjangoJSONEncoder).translate(ESCAPES)
    return mark_safe(f'<script type="application/ld+json">{text}</script>')  # noqa: S308  # escaped above


def _without_empty(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: kept for key, item in value.items() if not _is_empty(kept := _without_empty(item))}
    if isinstance(value, list | tuple):
        return [kept for item in value if not _is_empty(kept := _without_empty(item))]
    return value


def _is_empty(value: Any) -> bool:
    return value is None or isinstance(value, Undefined) or value in ("", [], {})
