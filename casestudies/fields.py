"""Rich text with few marks, sanitised whichever way it is saved."""

from typing import Any

from django.db import models
from django_prose_editor.fields import ProseEditorField

# Headings start below the page's own; a link leads to the web or to nothing.
EXTENSIONS: dict[str, Any] = {
    "Bold": True,
    "Italic": True,
    "BulletList": True,
    "ListItem": True,
    "OrderedList": True,
    "Heading": {"levels": [3]},
    "Link": {"enableTarget": False, "protocols": ["http", "https"]},
}


class RichTextField(ProseEditorField):
    """A section of a page: paragraphs, bold, italic, lists, third-level headings and links to the web."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, extensions=dict(EXTENSIONS), sanitize=True, **kwargs)

    def pre_save(self, model_instance: models.Model, add: bool) -> str:
        """Sanitise on the way to the database too: loaders and the shell do not call `full_clean`."""
        value: str = self.sanitize(getattr(model_instance, self.attname) or "")
        setattr(model_instance, self.attname, value)
        return value
