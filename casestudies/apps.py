"""Sets the app up: its history starts with it, so that actions outside the admin leave versions too."""

from django.apps import AppConfig


class CaseStudiesConfig(AppConfig):
    name = "casestudies"
    verbose_name = "Case studies"

    def ready(self) -> None:
        """Register what has a history, once the models are loaded."""
        from casestudies import history  # noqa: PLC0415  # it needs the models, which are loaded only now

        history.register()
