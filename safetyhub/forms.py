"""
Draws the public pages' forms with the NHS components; the admin keeps Django's own.

A form derives from `PublicForm`, and its page says `{{ form.error_summary }}` and `{{ form.email.as_field_group() }}`.
Label, hint, error message, and what they are to the field for a screen reader, are settled here for every form.
"""

from typing import Any

from django import forms
from django.forms.boundfield import BoundField
from django.forms.renderers import TemplatesSetting
from django.forms.widgets import ChoiceWidget, Input
from django.utils.safestring import SafeString, mark_safe

# The widgets that are groups of choices, and how they are called in the design system.
GROUPS: dict[type[forms.Widget], str] = {
    forms.SelectDateWidget: "date-input",
    forms.CheckboxSelectMultiple: "checkboxes",
    forms.RadioSelect: "radios",
}
# Attributes that the components take as parameters of their own.
PARAMETERS = ("autocomplete", "inputmode", "spellcheck", "autocapitalize", "rows", "classes", "width")


class PublicBoundField(BoundField):
    """A field of a form with what its NHS component needs to know."""

    @property
    def component(self) -> str:
        """Name the component that draws the field."""
        widget = self.field.widget
        for group, name in GROUPS.items():
            if isinstance(widget, group):
                return name
        if isinstance(widget, forms.Textarea):
            return "character-count" if self._longest else "textarea"
        if isinstance(widget, forms.CheckboxInput):
            return "checkboxes"
        return "select" if isinstance(widget, forms.Select) else "input"

    @property
    def _longest(self) -> int | None:
        """Give the longest text that a text area takes, in characters."""
        return getattr(self.field, "max_length", None)

    @property
    def first_id(self) -> str:
        """Give the id of what a link to the field should focus: in a group, its first choice."""
        return f"{self.auto_id}_day" if self.component == "date-input" else self.auto_id

    @property
    def optional_label(self) -> str:
        """Give the label; it is the optional fields that are marked, since most are not."""
        marked = not self.field.required and getattr(self.field, "marked_as_optional", True)
        return f"{self.label} (optional)" if marked else str(self.label)

    @property
    def params(self) -> dict[str, Any]:
        """Give the parameters of the component."""
        attributes = dict(self.field.widget.attrs)
        # The server checks the length, and says so; the browser would cut a pasted text short without a word.
        for name in ("maxlength", "cols"):
            attributes.pop(name, None)
        params: dict[str, Any] = {
            name: attributes.pop(name) for name in PARAMETERS if attributes.get(name) is not None
        }
        params |= {"name": self.html_name, "attributes": attributes}
        if self.component not in {"radios", "checkboxes"}:  # their id is that of the first choice, not of the group
            params["id"] = self.auto_id
        if self.help_text:
            params["hint"] = {"text": str(self.help_text)}
        if self.errors:
            params["errorMessage"] = {"text": self.errors[0]}
            if self.component in {"input", "textarea", "character-count", "select"}:
                attributes["aria-invalid"] = "true"
        if self.field.disabled:
            params["disabled"] = True
        params |= self._label() | self._value()
        return params

    def _label(self) -> dict[str, Any]:
        """Give the label, which for a group is the legend around its choices."""
        if self.component == "checkboxes" and isinstance(self.field.widget, forms.CheckboxInput):
            return {"idPrefix": self.auto_id}  # the one box carries the label
        if self.component in {"date-input", "checkboxes", "radios"}:
            legend = {"text": self.optional_label, "size": "s"}
            return {"idPrefix": self.auto_id, "fieldset": {"legend": legend}}
        return {"label": {"text": self.optional_label, "size": "s"}}

    def _value(self) -> dict[str, Any]:
        """Give what was typed or chosen, or the initial value."""
        widget, value = self.field.widget, self.value()
        if isinstance(widget, forms.SelectDateWidget):
            return {"items": self._date_items(widget, value)}
        if isinstance(widget, forms.CheckboxInput):
            checked = bool(value) and value != "False"
            return {"items": [{"value": "on", "text": self.optional_label, "checked": checked}]}
        if isinstance(widget, ChoiceWidget):
            return {"items": self._choice_items(widget, value)}
        shown = widget.format_value(value)
        values: dict[str, Any] = {"value": "" if shown is None else str(shown)}
        if isinstance(widget, Input):
            values["type"] = widget.input_type
        if self.component == "character-count":
            values["maxlength"] = self._longest
        return values

    def _choice_items(self, widget: ChoiceWidget, value: Any) -> list[dict[str, Any]]:
        chosen = widget.format_value(value)
        mark = "selected" if self.component == "select" else "checked"
        items = []
        for _, options, _ in widget.optgroups(self.html_name, chosen):
            items += [
                {"value": str(option["value"]), "text": str(option["label"]), mark: option["selected"]}
                for option in options
            ]
        return items

    def _date_items(self, widget: forms.SelectDateWidget, value: Any) -> list[dict[str, Any]]:
        parts = widget.format_value(value)
        return [
            {
                "id": f"{self.auto_id}_{part}",
                "name": f"{self.html_name}_{part}",
                "label": {"text": part.capitalize()},
                "width": 4 if part == "year" else 2,
                "value": "" if parts[part] is None else str(parts[part]),
            }
            for part in ("day", "month", "year")
        ]


class PublicFormRenderer(TemplatesSetting):
    """Finds the templates of fields and forms among those of the public pages."""

    form_template_name = "forms/form.jinja"
    field_template_name = "forms/field.jinja"
    bound_field_class = PublicBoundField


class PublicForm(forms.Form):
    """
    A form of a public page.

    The page sets `novalidate`: every browser would word its own messages, and put them where screen readers and
    magnifiers miss them. The server's appear at the field and, linked to it, at the top of the page (WCAG 3.3.1).
    """

    default_renderer = PublicFormRenderer()
    use_required_attribute = False

    @property
    def error_summary(self) -> SafeString:
        """Draw what is wrong at the top of the page, each with a link to its field; empty where nothing is."""
        if not self.errors:
            return SafeString()
        problems = []
        for name, errors in self.errors.items():
            # An error of the whole form leads to its first field.
            field = self[name] if name in self.fields else self[next(iter(self.fields))]
            target = field.first_id if isinstance(field, PublicBoundField) else field.auto_id
            problems.append({"text": errors[0], "href": f"#{target}"})
        # The template escapes what people typed.
        return mark_safe(self.renderer.render("forms/error_summary.jinja", {"problems": problems}))  # noqa: S308
