"""What the admins of case studies and reports share: publishing, previews, limits of editors, and history."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import reversion
from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.options import IS_POPUP_VAR
from django.contrib.admin.utils import quote, unquote
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, connection, models, transaction
from django.db.models import CharField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Cast, Now
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.dateformat import format as format_date
from django.utils.text import capfirst
from reversion.admin import VersionAdmin
from reversion.models import Version

from casestudies import actions, history
from casestudies.models import CaseStudy, Report, Status
from casestudies.staff_forms import EDITOR_MEDIA, ConfirmForm, ScheduleForm, WithdrawForm
from partners.initial_data import CheckedInitialData
from partners.limits import organisations_of

# Before VersionAdmin registers the models its own way, without what an action outside the admin needs.
history.register()

Record = CaseStudy | Report


@dataclass(frozen=True)
class Step:
    """A step of publishing: its words, what it asks, and the action it takes."""

    name: str
    label: str
    done: str
    explanation: str
    action: Callable[..., Any]
    form_class: type[forms.Form] = ConfirmForm
    shows_gaps: bool = False


STEPS = {
    step.name: step
    for step in [
        Step(
            "publish",
            "Publish",
            "Published",
            "Visitors will see it at once.",
            actions.publish,
            shows_gaps=True,
        ),
        Step(
            "schedule",
            "Publish later",
            "Scheduled",
            "Nobody sees it until the time you give.",
            actions.publish,
            ScheduleForm,
            shows_gaps=True,
        ),
        Step(
            "cancel-schedule",
            "Cancel the schedule",
            "Made a draft again",
            "It becomes a draft again.",
            actions.cancel_schedule,
        ),
        Step(
            "withdraw",
            "Withdraw",
            "Withdrawn",
            "Visitors will no longer see it. Its address will say that it was withdrawn, when and why.",
            actions.withdraw,
            WithdrawForm,
        ),
    ]
}


def state(record: Record) -> str:
    """Say in words where a record stands: draft, scheduled, published or withdrawn, and since when."""
    if record.status == Status.WITHDRAWN and record.withdrawn_at:
        return f"Withdrawn on {_day(record.withdrawn_at)}"
    if record.status == Status.PUBLISHED and record.published_at:
        if record.published_at > timezone.now():
            local = timezone.localtime(record.published_at)
            return f"Scheduled for {format_date(local, 'j F Y, H:i')}"
        return f"Published on {_day(record.published_at)}"
    return "Draft"


def _day(time: Any) -> str:
    return format_date(timezone.localtime(time), "j F Y")


def possible_steps(record: Record) -> list[Step]:
    """Give the steps that make sense for a record as it stands, the usual one first."""
    if record.status == Status.DRAFT:
        names = ["publish", "schedule"]
    elif record.status == Status.WITHDRAWN:
        names = ["publish", "withdraw"]
    elif record.published_at and record.published_at > timezone.now():
        names = ["publish", "schedule", "cancel-schedule"]
    else:
        names = ["withdraw"]
    return [STEPS[name] for name in names]


class StateFilter(admin.SimpleListFilter):
    """Records by whether visitors see them now."""

    title = "status"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("draft", "Draft"),
            ("scheduled", "Scheduled"),
            ("published", "Published"),
            ("withdrawn", "Withdrawn"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "scheduled":
            return queryset.filter(status=Status.PUBLISHED, published_at__gt=Now())
        if self.value() == "published":
            return queryset.filter(status=Status.PUBLISHED, published_at__lte=Now())
        if self.value() in {"draft", "withdrawn"}:
            return queryset.filter(status=self.value())
        return queryset


class PublishingAdmin(CheckedInitialData, VersionAdmin):
    """
    The admin of what staff publish.

    Who may do what, checked for each record: an editor works on drafts; a publisher also on what visitors see.
    Nobody deletes what visitors have seen, as its address must go on answering. An editor who is limited to
    organisations sees only their records. Reverting to a version never changes whether visitors see a record.
    """

    limited_by: str  # the foreign key to the organisation that an editor may be limited to
    preview_template: str
    show_facets = admin.ShowFacets.ALWAYS
    history_latest_first = True
    object_history_template = "admin/casestudies/object_history.html"
    actions = ["publish_selected", "withdraw_selected"]

    # --- Who may do what -------------------------------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Find what this member of staff may see, with who changed it last."""
        found: QuerySet[Any] = super().get_queryset(request)
        organisations = organisations_of(request.user)
        if organisations is not None:
            found = found.filter(**{f"{self.limited_by}__in": organisations})
        versions = Version.objects.get_for_model(self.model).filter(
            object_id=Cast(OuterRef("pk"), CharField()), revision__user__isnull=False
        )
        last = versions.order_by("-pk").values("revision__user__username")[:1]
        annotated: QuerySet[Any] = found.annotate(changed_by=Subquery(last))
        return annotated

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Record | None:
        """
        Find a record; to save it, lock it too.

        Without the lock a form that was read while a publisher published would store it as a draft again.
        """
        found: Record | None = super().get_object(request, object_id, from_field)
        if found is not None and request.method == "POST" and connection.in_atomic_block:
            found.refresh_from_db(from_queryset=self.model._base_manager.select_for_update(of=("self",)))
        return found

    def is_within_limits(self, request: HttpRequest, record: Record | None) -> bool:
        """Say whether a record is of the organisations that this member of staff may work for."""
        organisations = organisations_of(request.user)
        return record is None or organisations is None or getattr(record, f"{self.limited_by}_id") in organisations

    def has_publish_permission(self, request: HttpRequest, obj: Record | None = None) -> bool:
        """Say whether this member of staff may publish, schedule and withdraw."""
        permission = f"{self.opts.app_label}.publish_{self.opts.model_name}"
        return request.user.has_perm(permission) and self.is_within_limits(request, obj)

    def has_view_permission(self, request: HttpRequest, obj: Record | None = None) -> bool:
        return super().has_view_permission(request, obj) and self.is_within_limits(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Record | None = None) -> bool:
        """Changing what visitors see publishes the change, so it takes the permission to publish."""
        may_change = super().has_change_permission(request, obj) and self.is_within_limits(request, obj)
        is_draft = obj is None or obj.status == Status.DRAFT
        return may_change and (is_draft or self.has_publish_permission(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Record | None = None) -> bool:
        """Only drafts are deleted; what visitors have seen is withdrawn."""
        may_delete = super().has_delete_permission(request, obj) and self.is_within_limits(request, obj)
        return may_delete and (obj is None or obj.status == Status.DRAFT)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Record]) -> None:
        """Delete what is still a draft: one may have been published since the button was shown."""
        with transaction.atomic():
            super().delete_queryset(request, queryset.select_for_update(of=["self"]).filter(status=Status.DRAFT))

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Name each record that may not be deleted, and say why, before the button is pressed."""
        to_delete, count, missing, protected = super().get_deleted_objects(objs, request)
        kept = [record for record in objs if isinstance(record, self.model) and record.status != Status.DRAFT]
        if kept and self.has_delete_permission(request):
            # It is not the account that lacks a permission, as the page would say first.
            missing.discard(self.opts.verbose_name)
        protected = [*protected, *(f"{record} ({state(record).lower()}: withdraw it instead)" for record in kept)]
        return to_delete, count, missing, protected

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Let a limited editor choose among their organisations only, also when the form comes back."""
        organisations = organisations_of(request.user)
        if db_field.name == self.limited_by and organisations is not None:
            related = db_field.remote_field.model._default_manager
            kwargs["queryset"] = related.filter(pk__in=organisations)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Leave out the buttons beside a field that would delete what it names, for every page that names it."""
        return without_delete_button(super().formfield_for_dbfield(db_field, request, **kwargs))

    def get_autocomplete_fields(self, request: HttpRequest) -> list[str]:
        """Search for organisations, but list those of a limited editor: they are few."""
        fields: list[str] = list(super().get_autocomplete_fields(request))
        if organisations_of(request.user) is not None and self.limited_by in fields:
            fields.remove(self.limited_by)
        return fields

    # --- The list --------------------------------------------------------------------------------------------

    @admin.display(description="status", ordering="status")
    def status_in_words(self, record: Record) -> str:
        """Say where a record stands."""
        return state(record)

    @admin.display(description="last changed", ordering="updated_at")
    def last_change(self, record: Record) -> str:
        """Say when a record was last changed, and by whom where its history knows."""
        by = getattr(record, "changed_by", None)
        return f"{_day(record.updated_at)}, {by}" if by else _day(record.updated_at)

    # --- Addresses -------------------------------------------------------------------------------------------

    @property
    def media(self) -> Any:
        return super().media + EDITOR_MEDIA

    def get_urls(self) -> list[Any]:
        info = f"{self.opts.app_label}_{self.opts.model_name}"

        def route(address: str, view: Callable[..., Any], name: str) -> Any:
            return path(address, self.admin_site.admin_view(view), name=f"{info}_{name}")

        own = [
            route("step/<slug:step>/", self.step_view, "step"),
            route("<path:object_id>/preview/", self.preview_view, "preview"),
            route("<path:object_id>/history/compare/", self.compare_view, "compare"),
        ]
        return own + list(super().get_urls())

    def address(self, name: str, *args: Any) -> str:
        """Give the address of one of this admin's pages."""
        route = f"{self.admin_site.name}:{self.opts.app_label}_{self.opts.model_name}_{name}"
        return reverse(route, args=args)

    def get_view_on_site_url(self, obj: Record | None = None) -> str | None:
        """Link to the public page only where there is one: a draft's answers 404."""
        if obj is None or not (obj.status == Status.WITHDRAWN or obj.is_public()):
            return None
        return obj.get_absolute_url()

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> Any:
        """Show the form with what can be done next; keep a first version before the first change."""
        record = self.get_object(request, unquote(object_id))
        context = dict(extra_context or {})
        if record is not None and self.has_view_or_change_permission(request, record):
            if request.method == "POST":
                history.keep_first_version(record)
            elif IS_POPUP_VAR not in request.GET:
                context["publishing"] = self.publishing_context(request, record)
        return super().change_view(request, object_id, form_url, context)

    def publishing_context(self, request: HttpRequest, record: Record) -> dict[str, Any]:
        """Say where a record stands and what this member of staff can do about it."""
        may_publish = self.has_publish_permission(request, record)
        return {
            "state": state(record),
            "status": record.status,
            "reason": record.withdrawal_reason,
            "gaps": actions.gaps(record) if record.status != Status.PUBLISHED else [],
            "may_publish": may_publish,
            "is_locked": record.status != Status.DRAFT and not self.has_change_permission(request, record),
            "steps": [
                {"label": step.label, "url": f"{self.address('step', step.name)}?ids={record.pk}"}
                for step in (possible_steps(record) if may_publish else [])
            ],
            "preview_url": self.address("preview", quote(record.pk)),
        }

    # --- Publishing ------------------------------------------------------------------------------------------

    @admin.action(description="Publish selected %(verbose_name_plural)s", permissions=["publish"])
    def publish_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse:
        """Ask for confirmation, with what is missing."""
        return self.step_page(request, STEPS["publish"], queryset, self.step_form(STEPS["publish"]))

    @admin.action(description="Withdraw selected %(verbose_name_plural)s", permissions=["publish"])
    def withdraw_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse:
        """Ask for the reason."""
        return self.step_page(request, STEPS["withdraw"], queryset, self.step_form(STEPS["withdraw"]))

    def step_form(self, step: Step, data: Any = None) -> forms.Form:
        """Make the form of a step."""
        return step.form_class(data)

    def step_view(self, request: HttpRequest, step: str) -> HttpResponse:
        """Ask before a step of publishing (GET), and take it (POST), for one record or many."""
        if step not in STEPS:
            raise Http404
        if not self.has_publish_permission(request):
            raise PermissionDenied
        chosen = STEPS[step]
        asked = (request.POST if request.method == "POST" else request.GET).get("ids", "")
        keys = {int(key) for key in asked.split(",") if key.isascii() and key.isdigit() and len(key) < 19}
        records = self.get_queryset(request).filter(pk__in=keys)
        if not keys or not records.exists():
            raise Http404
        if request.method != "POST":
            return self.step_page(request, chosen, records, self.step_form(chosen))
        form = self.step_form(chosen, request.POST)
        if not form.is_valid():
            return self.step_page(request, chosen, records, form)
        return self.take_step(request, chosen, records, form)

    def take_step(self, request: HttpRequest, step: Step, records: QuerySet[Any], form: forms.Form) -> HttpResponse:
        """Take a step for each record on its own; those that refuse stay on the page, with the reason."""
        refused = []
        for record in records:
            try:
                step.action(record, by=request.user, **form.cleaned_data)
            except ValidationError as error:
                refused.append(record.pk)
                form.add_error(None, [f"“{record}”: {message}" for message in error.messages])
            else:
                self.log_change(request, record, f"{step.done}.")
                self.message_user(request, f"{step.done}: “{record}”.", messages.SUCCESS)
        if refused:
            return self.step_page(request, step, self.get_queryset(request).filter(pk__in=refused), form)
        if len(records) == 1:
            return HttpResponseRedirect(self.address("change", quote(records[0].pk)))
        return HttpResponseRedirect(self.address("changelist"))

    def step_page(self, request: HttpRequest, step: Step, records: QuerySet[Any], form: forms.Form) -> HttpResponse:
        """Show what a step is about to do, and to which records."""
        records = records.select_related(None)
        context = {
            **self.admin_site.each_context(request),
            "title": step.label,
            "opts": self.opts,
            "step": step,
            "records": [
                {
                    "record": record,
                    "state": state(record),
                    "gaps": actions.gaps(record) if step.shows_gaps and not form.is_bound else [],
                    "url": self.address("change", quote(record.pk)),
                }
                for record in records
            ],
            "ids": ",".join(str(record.pk) for record in records),
            "form": form,
            "form_url": self.address("step", step.name),
            "back_url": self.address("change", quote(records[0].pk))
            if len(records) == 1
            else self.address("changelist"),
            "media": self.media + form.media,
        }
        request.current_app = self.admin_site.name  # what {% url %} reads
        return TemplateResponse(request, "admin/casestudies/publishing_step.html", context)

    # --- Preview ---------------------------------------------------------------------------------------------

    def preview_context(self, record: Any) -> dict[str, Any]:
        """Give the context of the public page."""
        raise NotImplementedError

    def preview_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show a record as visitors would see it, to staff who may see it. Never cached, never indexed."""
        record = self.get_object(request, unquote(object_id))
        if record is None:
            raise Http404
        if not self.has_view_or_change_permission(request, record):
            raise PermissionDenied
        context = {**self.preview_context(record), "preview": not record.is_public(), "noindex": True}
        context["edit_url"] = self.address("change", quote(record.pk))
        response = render(request, self.preview_template, context)
        response["X-Robots-Tag"] = "noindex, nofollow"
        # A public page, which needs its own policy and no nonce.
        response._csp_config = settings.SECURE_CSP  # type: ignore[attr-defined]  # what django.middleware.csp reads
        return response

    # --- History ---------------------------------------------------------------------------------------------

    def history_view(self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None) -> Any:
        """List the versions, and let two be chosen to compare."""
        versions = self._versions(unquote(object_id))
        context = {
            "versions": [
                {"version": version, "url": self.address("revision", quote(version.object_id), version.pk)}
                for version in versions
            ],
            "compare_url": self.address("compare", object_id),
            **(extra_context or {}),
        }
        return super().history_view(request, object_id, context)

    def compare_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show what changed between two versions, in reading order: the older one first whichever was named first."""
        record = self.get_object(request, unquote(object_id))
        if record is None:
            raise Http404
        if not self.has_view_or_change_permission(request, record):
            raise PermissionDenied
        versions = self._versions(str(record.pk))
        keys = [request.GET.get(name, "") for name in ("from", "to")]
        if not all(key.isascii() and key.isdigit() and len(key) < 10 for key in keys):
            raise Http404
        old, new = sorted((get_object_or_404(versions, pk=key) for key in keys), key=lambda each: each.pk)
        for version in (old, new):
            self._check_version(request, version)
        context = {
            **self.admin_site.each_context(request),
            "title": "Compare two versions",
            "subtitle": str(record),
            "opts": self.opts,
            "module_name": capfirst(self.opts.verbose_name_plural),
            "object": record,
            "old": old,
            "new": new,
            "changes": history.compare(old, new),
            "is_same": old.pk == new.pk,
            "media": self.media,
        }
        request.current_app = self.admin_site.name  # what {% url %} reads
        return TemplateResponse(request, "admin/casestudies/compare.html", context)

    def _versions(self, object_id: str) -> QuerySet[Version]:
        found: QuerySet[Version] = (
            Version.objects.get_for_object_reference(self.model, object_id)
            .select_related("revision__user")
            .order_by("-pk")
        )
        return found

    def revision_view(
        self, request: HttpRequest, object_id: str, version_id: str, extra_context: dict[str, Any] | None = None
    ) -> Any:
        """Show a version in the form; saving it makes the record what it was, but not whether visitors see it."""
        record = self.get_object(request, unquote(object_id))
        version = get_object_or_404(self._versions(unquote(object_id)), pk=version_id)
        if record is None or not self.has_change_permission(request, record):
            raise PermissionDenied
        self._check_version(request, version)
        return super().revision_view(request, object_id, version_id, extra_context)

    def recover_view(self, request: HttpRequest, version_id: str, extra_context: dict[str, Any] | None = None) -> Any:
        """Show a deleted record in the form; saving it brings it back, as a draft."""
        version = get_object_or_404(Version.objects.get_deleted(self.model), pk=version_id)
        self._check_version(request, version)
        return super().recover_view(request, version_id, extra_context)

    def recoverlist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """List what was deleted, of what this member of staff might see."""
        deleted = Version.objects.get_deleted(self.model).select_related("revision").order_by("-pk")
        mine = [version for version in deleted if self._is_version_within_limits(request, version)]
        return super().recoverlist_view(request, {"deleted": mine, **(extra_context or {})})

    def _is_version_within_limits(self, request: HttpRequest, version: Version) -> bool:
        organisations = organisations_of(request.user)
        return organisations is None or version.field_dict.get(f"{self.limited_by}_id") in organisations

    def _check_version(self, request: HttpRequest, version: Version) -> None:
        """Refuse a version from when the record belonged to an organisation beyond an editor's limits."""
        if not self._is_version_within_limits(request, version):
            raise PermissionDenied

    def _reversion_revisionform_view(
        self,
        request: HttpRequest,
        version: Version,
        template_name: Any,
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """
        Show a version in the form, or save it, in place of django-reversion's own.

        That one reverts everything that was saved in the same revision, other records included, and the
        publishing state with it; a loaded pack or a bulk change is one revision.
        """
        try:
            with transaction.atomic():
                left_out = history.restore(version)
                with self.create_revision(request):
                    response: Any = self.changeform_view(
                        request, quote(version.object_id), request.path, extra_context
                    )
                    is_saved = request.method == "POST" and response.status_code == 302
                    if is_saved:
                        when = timezone.localtime(version.revision.date_created)
                        reversion.set_comment(f"Back to the version of {format_date(when, 'j F Y, H:i')}.")
                if not is_saved:
                    # Rendered before the transaction is undone, so that it shows the version.
                    response.template_name = template_name
                    response.render()
                    transaction.set_rollback(True)
        except (IntegrityError, history.CannotRestoreError) as error:
            reason = str(error) if isinstance(error, history.CannotRestoreError) else "another record is in its way"
            self.message_user(request, f"This version cannot be brought back: {reason}.", messages.ERROR)
            return HttpResponseRedirect(self.address("changelist"))
        for note in left_out:
            self.message_user(request, f"Left out, because it is gone: {note}.", messages.WARNING)
        return response


def without_delete_button(field: Any) -> Any:
    """Take the button that deletes the related record off a form field's widget, where it has one."""
    if isinstance(getattr(field, "widget", None), RelatedFieldWidgetWrapper):
        field.widget.can_delete_related = False
    return field


def first_of(records: Iterable[models.Model]) -> str:
    """Write the names of records in a cell: the first, and how many more."""
    names = [str(record) for record in records]
    if not names:
        return "–"
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
