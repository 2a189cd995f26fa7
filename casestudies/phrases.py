"""Terms of the taxonomies as they stand inside a sentence."""

from django.utils.text import get_text_list

from casestudies.models import Setting


def lower_first(text: str) -> str:
    """Write a term as it stands inside a sentence, leaving abbreviations (NHS, AHSN) alone."""
    return text[:1].lower() + text[1:] if text[1:2].islower() else text


def setting_phrase(setting: Setting) -> str:
    """Give how a care setting reads in a sentence: `in care homes`."""
    return setting.phrase or f"in {lower_first(setting.name)}"


def listed(names: list[str]) -> str:
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
