"""What an address may fill into the forms of staff."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest


class CheckedInitialData(admin.ModelAdmin[Any]):
    """
    Fills in a new record's form from its address only what the form would take.

    Django passes on whatever stands there, and a list of suggestions then asks the database for records with a key
    that is no number.
    """

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Leave out of an address (`…/add/?organisation=3`) what is no value of its field."""
        fields = self.get_form(request).base_fields
        initial: dict[str, Any] = super().get_changeform_initial_data(request)
        return {name: value for name, value in initial.items() if name in fields and _is_value(fields[name], value)}


def _is_value(field: Any, value: Any) -> bool:
    try:
        field.clean(value)
    except ValidationError:
        return False
    return True
