"""The form renderer: each kind of field becomes its NHS component, with what a screen reader needs."""

from datetime import date

import pytest
from bs4 import BeautifulSoup
from django import forms

from safetyhub.forms import PublicForm


class EveryKindForm(PublicForm):
    word = forms.CharField(label="A word", help_text="Any word.")
    text = forms.CharField(label="A text", widget=forms.Textarea, required=False)
    limited = forms.CharField(label="A short text", widget=forms.Textarea, max_length=10)
    number = forms.IntegerField(label="A number")
    one = forms.ChoiceField(label="One", choices=[("a", "First"), ("b", "Second")])
    radio = forms.ChoiceField(label="One of few", choices=[("a", "First"), ("b", "Second")], widget=forms.RadioSelect)
    many = forms.MultipleChoiceField(
        label="Some", choices=[("a", "First"), ("b", "Second")], widget=forms.CheckboxSelectMultiple
    )
    yes = forms.BooleanField(label="I agree")
    day = forms.DateField(label="A day", widget=forms.SelectDateWidget)
    secret = forms.CharField(widget=forms.HiddenInput, required=False)


def page(form: forms.Form) -> BeautifulSoup:
    return BeautifulSoup(str(form.render()), "html.parser")


def content(drawn: BeautifulSoup, selector: str) -> str:
    """Give the text of the one element that matches, as it is."""
    (element,) = drawn.select(selector)
    return element.get_text()


def attribute(drawn: BeautifulSoup, selector: str, name: str) -> str:
    """Give an attribute of the one element that matches."""
    (element,) = drawn.select(selector)
    return str(element[name])


FILLED = {
    "word": "<b>",
    "text": "one\n  two",
    "limited": "short",
    "number": "7",
    "one": "b",
    "radio": "b",
    "many": ["b"],
    "yes": "on",
    "day_day": "4",
    "day_month": "9",
    "day_year": "2019",
}


def test_each_kind_of_field_is_a_component():
    empty = page(EveryKindForm())
    components = {
        "#id_word": "nhsuk-input",
        "#id_text": "nhsuk-textarea",
        "#id_limited": "nhsuk-js-character-count",
        "#id_number": "nhsuk-input",
        "#id_one": "nhsuk-select",
        "#id_radio": "nhsuk-radios__input",
        "#id_many": "nhsuk-checkboxes__input",
        "#id_yes": "nhsuk-checkboxes__input",
        "#id_day": "nhsuk-date-input",
    }
    assert [selector for selector, name in components.items() if name not in empty.select(selector)[0]["class"]] == []
    assert attribute(empty, "#id_secret", "type") == "hidden"
    assert empty.select(".nhsuk-error-summary") == []
    assert len({element["id"] for element in empty.select("[id]")}) == len(empty.select("[id]"))


def test_every_field_has_a_label():
    drawn = page(EveryKindForm())
    for field in drawn.select("input:not([type=hidden]), textarea, select"):
        (label,) = drawn.select(f'label[for="{field["id"]}"]')
        assert label.get_text().strip()
    legends = [" ".join(legend.get_text().split()) for legend in drawn.select("legend")]
    assert legends == ["One of few", "Some", "A day"]


def test_the_optional_fields_are_the_ones_marked():
    labels = [" ".join(label.get_text().split()) for label in page(EveryKindForm()).select("label")]
    assert [label for label in labels if "(optional)" in label] == ["A text (optional)"]


def test_a_hint_belongs_to_its_field():
    drawn = page(EveryKindForm())
    assert attribute(drawn, "#id_word", "aria-describedby") == "id_word-hint"
    assert content(drawn, "#id_word-hint").strip() == "Any word."


def test_what_was_filled_in_is_shown_again():
    form = EveryKindForm(FILLED)
    assert form.is_valid(), form.errors
    drawn = page(form)
    assert attribute(drawn, "#id_word", "value") == "<b>"
    assert content(drawn, "#id_text") == "one\n  two"
    assert attribute(drawn, "#id_number", "value") == "7"
    assert [option["value"] for option in drawn.select("#id_one option[selected]")] == ["b"]
    assert [box["value"] for box in drawn.select("[name=radio][checked]")] == ["b"]
    assert [box["value"] for box in drawn.select("[name=many][checked]")] == ["b"]
    assert len(drawn.select("[name=yes][checked]")) == 1
    assert [attribute(drawn, f"[name=day_{part}]", "value") for part in ("day", "month", "year")] == ["4", "9", "2019"]


def test_initial_values_are_shown():
    drawn = page(EveryKindForm(initial={"word": "first", "day": date(2019, 9, 4), "many": ["a"], "yes": True}))
    assert attribute(drawn, "#id_word", "value") == "first"
    assert [box["value"] for box in drawn.select("[name=many][checked]")] == ["a"]
    assert attribute(drawn, "[name=day_year]", "value") == "2019"
    assert len(drawn.select("[name=yes][checked]")) == 1


def test_each_error_is_at_its_field_and_at_the_top_with_a_link_to_it():
    form = EveryKindForm({"limited": "much too long"})
    drawn = page(form)
    links = drawn.select(".nhsuk-error-summary a")
    assert len(links) == len(form.errors) == 8
    for link in links:
        target = str(link["href"])
        (field,) = drawn.select(target)
        assert field.name in {"input", "select", "textarea"}
        (message,) = drawn.select(f"{target.removesuffix('_day')}-error")
        assert link.get_text().strip() in message.get_text()
    assert "id_limited-error" in attribute(drawn, "#id_limited", "aria-describedby").split()
    assert attribute(drawn, "#id_limited", "aria-invalid") == "true"
    assert content(drawn, "#id_limited") == "much too long"


def test_an_error_of_the_whole_form_leads_to_its_first_field():
    form = EveryKindForm(FILLED)
    form.add_error(None, "Try again tomorrow")
    (link,) = page(form).select(".nhsuk-error-summary a")
    assert (link["href"], link.get_text().strip()) == ("#id_word", "Try again tomorrow")


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "{{ 7 * 7 }}", "&amp;"])
def test_what_people_typed_is_text(text):
    form = EveryKindForm(FILLED | {"word": text})
    form.add_error("word", f"Not {text}")
    drawn = page(form)
    assert drawn.select("script") == []
    assert attribute(drawn, "#id_word", "value") == text
    assert content(drawn, ".nhsuk-error-summary a").strip() == f"Not {text}"


def test_the_browser_leaves_checking_to_the_server():
    drawn = page(EveryKindForm())
    assert drawn.select("[required], [maxlength]") == []
