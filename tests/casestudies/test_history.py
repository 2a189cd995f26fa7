"""Versions of case studies and reports: compare, go back, recover."""

from datetime import date
from decimal import Decimal

import pytest
import reversion
from django.contrib.auth.models import Permission
from django.urls import reverse
from reversion.models import Revision, Version

from casestudies import history
from casestudies.actions import publish
from casestudies.history import Change, Difference, compare, keep_first_version, plain_text, restore, word_differences
from casestudies.models import CaseStudy, ImpactFigure, Report, ReportEntry, Source, Status
from partners.models import OrganisationEditor
from tests.factories import (
    PUBLISHED_AT,
    CaseStudyFactory,
    ContactFactory,
    ImpactFigureFactory,
    OrganisationFactory,
    ReportEntryFactory,
    ReportSectionFactory,
    ResourceFactory,
    SourceFactory,
    ThemeFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db


def version_of(record, comment=""):
    """Keep a version of a record as it is stored now."""
    with reversion.create_revision():
        reversion.add_to_revision(type(record).objects.get(pk=record.pk))
        reversion.set_comment(comment)
    return Version.objects.get_for_object(record)[0]


def staff(*codenames, **fields):
    user = UserFactory(**fields)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return user


@pytest.fixture
def root(client):
    client.force_login(UserFactory(is_superuser=True, username="root"))
    return client


def address(name, record, *args):
    return reverse(f"admin:{record._meta.app_label}_{record._meta.model_name}_{name}", args=[record.pk, *args])


# --- What a version holds -------------------------------------------------------------------------------------


def test_a_version_holds_the_whole_case_study():
    figure = ImpactFigureFactory()
    made = figure.case_study
    contact = ContactFactory()
    made.contacts.add(contact)
    ResourceFactory(case_study=made)
    version = version_of(made)
    held = {each._model.__name__ for each in version.revision.version_set.all()}
    assert held == {"CaseStudy", "Source", "ImpactFigure", "Resource", "CaseStudyContact"}


def test_a_version_of_a_report_holds_its_sections_and_entries():
    entry = ReportEntryFactory()
    version = version_of(entry.report)
    held = {each._model.__name__ for each in version.revision.version_set.all()}
    assert held == {"Report", "ReportSection", "ReportEntry"}


def test_the_first_version_is_kept_once():
    made = CaseStudyFactory()
    keep_first_version(made)
    keep_first_version(made)
    assert [each.comment for each in Revision.objects.all()] == ["As it was before its first change here."]


def test_registering_again_changes_nothing():
    history.register()


# --- Comparing ------------------------------------------------------------------------------------------------


def test_a_comparison_names_each_field_and_part_that_changed():
    made = CaseStudyFactory(title="Falls at night")
    source = SourceFactory(case_study=made, title="Old paper", url="https://source.example/1")
    figure = ImpactFigureFactory(case_study=made, source=source, value=43, label="falls")
    gone = ResourceFactory(case_study=made, title="Checklist", url="https://resource.example/1")
    old = version_of(made)
    CaseStudy.objects.update(title="Fewer falls at night", outcome="<p>What was found.</p><p>More.</p>")
    made.themes.set([ThemeFactory(name="Falls"), ThemeFactory(name="Dementia")])
    ImpactFigure.objects.filter(pk=figure.pk).update(value=Decimal("9.5"))
    gone.delete()
    SourceFactory(case_study=made, title="New paper", url="https://source.example/2", order=1)
    assert compare(old, version_of(made)) == [
        Change(
            "Case study",
            "changed",
            [
                Difference("Title", [("removed", "Falls"), ("added", "Fewer falls"), ("same", " at night")]),
                Difference("Outcome", [("same", "What was found."), ("added", "\nMore.")]),
                Difference("Themes", [("added", "Dementia\nFalls")]),
            ],
        ),
        Change(
            "Source: New paper",
            "added",
            [
                Difference("Title", [("added", "New paper")]),
                Difference("Address", [("added", "https://source.example/2")]),
                Difference("Order", [("added", "1")]),
            ],
        ),
        Change(
            "Impact figure: 9.5% falls",
            "changed",
            [Difference("Value", [("removed", "43"), ("added", "9.5")])],
        ),
        Change(
            "Resource: Checklist",
            "removed",
            [
                Difference("Title", [("removed", "Checklist")]),
                Difference("Link", [("removed", "https://resource.example/1")]),
                Difference("Order", [("removed", "0")]),
            ],
        ),
    ]


def test_values_are_compared_in_words():
    made = CaseStudyFactory(result="worked", reviewed_on=date(2026, 5, 1), intervention_types=["tool"])
    old = version_of(made)
    lead = OrganisationFactory(name="New lead")
    CaseStudy.objects.filter(pk=made.pk).update(
        result="did-not-work",
        reviewed_on=date(2026, 6, 1),
        intervention_types=["tool", "medicines-review"],
        lead_organisation=lead,
        status=Status.PUBLISHED,
        published_at=PUBLISHED_AT,
    )
    differences = compare(old, version_of(made))[0].differences
    after = {each.label: "".join(text for kind, text in each.pieces if kind != "removed") for each in differences}
    assert after == {
        "Status": "Published",
        "Visible from": "5 January 2026, 09:00",
        "Result": "Did not work",
        "Intervention types": "Tool\nMedicines review",
        "Lead organisation": "New lead",
        "Last reviewed": "1 June 2026",
    }


def test_a_change_of_formatting_alone_is_said_to_be_one():
    made = CaseStudyFactory(challenge="<p>Falls at night.</p>")
    old = version_of(made)
    CaseStudy.objects.update(challenge="<p><strong>Falls</strong> at night.</p>")
    note = "The words are the same; their formatting changed."
    assert compare(old, version_of(made)) == [Change("Case study", "changed", [Difference("Challenge", [], note)])]


def test_parts_of_other_records_in_the_same_revision_are_left_out():
    one, other = SourceFactory(), SourceFactory()
    with reversion.create_revision():
        reversion.add_to_revision(one.case_study)
        reversion.add_to_revision(other.case_study)
    old = Version.objects.get_for_object(one.case_study)[0]
    assert compare(old, version_of(one.case_study)) == []


def test_what_a_name_stood_for_may_be_gone():
    theme = ThemeFactory()
    made = CaseStudyFactory(themes=[theme])
    old = version_of(made)
    key = theme.pk
    theme.delete()
    assert compare(old, version_of(made))[0].differences == [
        Difference("Themes", [("removed", f"theme {key}, since deleted")])
    ]


@pytest.mark.parametrize(
    ("old", "new", "pieces"),
    [
        ("", "", []),
        ("one two", "one two", [("same", "one two")]),
        ("", "new", [("added", "new")]),
        ("gone", "", [("removed", "gone")]),
        (
            "fewer falls at night",
            "fewer trips at night",
            [("same", "fewer "), ("removed", "falls"), ("added", "trips"), ("same", " at night")],
        ),
        ("a b", "a <b>", [("same", "a "), ("removed", "b"), ("added", "<b>")]),
    ],
)
def test_texts_are_compared_word_by_word(old, new, pieces):
    assert word_differences(old, new) == pieces


def test_very_long_texts_are_shown_as_replaced():
    old, new = "word " * 10_000, "other " * 10_000
    assert word_differences(old, new) == [("removed", old), ("added", new)]


def test_rich_text_is_read_as_a_reader_reads_it():
    html = (
        '<h3>Why</h3><p>See <a href="https://a.example">the <em>guide</em></a>.</p>'
        "<ul><li><p>One</p></li><li>Two &amp; three</li></ul>"
    )
    assert plain_text(html) == "Why\nSee the guide (https://a.example).\n• One\n• Two & three"


# --- The pages ------------------------------------------------------------------------------------------------


def test_the_history_offers_two_versions_to_compare(root):
    made = CaseStudyFactory(title="Old")
    old = version_of(made, "First.")
    CaseStudy.objects.update(title="New")
    new = version_of(made, "Second.")
    page = root.get(address("history", made))
    assert [each["version"] for each in page.context["versions"]] == [new, old]
    page = root.get(address("compare", made), {"from": new.pk, "to": old.pk})
    assert page.status_code == 200
    assert (page.context["old"], page.context["new"]) == (old, new)
    text = page.text
    assert "[gone:] </span>Old" in text
    assert "[new:] </span>New" in text


def test_a_comparison_shows_markup_as_text(root):
    made = CaseStudyFactory()
    old = version_of(made)
    CaseStudy.objects.update(title="<script>alert(1)</script>")
    page = root.get(address("compare", made), {"from": old.pk, "to": version_of(made).pk})
    assert "<script>alert" not in page.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text


@pytest.mark.parametrize(
    "query", [{}, {"from": "x", "to": "1"}, {"from": "1" * 30, "to": "1"}, {"from": "0", "to": "0"}]
)
def test_a_comparison_of_nothing_is_not_found(root, visitor, query):
    visitor.cookies = root.cookies
    assert visitor.get(address("compare", CaseStudyFactory()), query).status_code == 404


def test_a_version_of_another_record_is_not_found(root, visitor):
    visitor.cookies = root.cookies
    entry = ReportEntryFactory()
    made, foreign = entry.case_study, version_of(entry.report)
    own = version_of(made)
    assert visitor.get(address("compare", made), {"from": own.pk, "to": foreign.pk}).status_code == 404
    assert visitor.get(address("revision", made, foreign.pk)).status_code == 404


# --- Going back -----------------------------------------------------------------------------------------------


def test_restoring_brings_back_the_record_and_its_parts():
    figure = ImpactFigureFactory(source__url="https://source.example/1", value=43)
    made, theme = figure.case_study, ThemeFactory()
    made.themes.set([theme])
    version = version_of(made)
    CaseStudy.objects.update(title="Changed")
    made.themes.clear()
    added = SourceFactory(case_study=made, url="https://source.example/2")
    ImpactFigure.objects.update(source=added, value=1)
    # The address is taken by another row now: all parts are put back at once.
    Source.objects.filter(pk=figure.source_id).delete()
    Source.objects.update(url="https://source.example/1")
    assert restore(version) == []
    back = CaseStudy.objects.get()
    assert back.title == made.title
    assert list(back.themes.all()) == [theme]
    assert [(each.pk, each.url) for each in back.sources.all()] == [(figure.source_id, "https://source.example/1")]
    assert [(each.pk, each.value, each.source_id) for each in back.impact_figures.all()] == [
        (figure.pk, 43, figure.source_id)
    ]


def test_restoring_a_report_brings_back_sections_and_entries():
    entry = ReportEntryFactory()
    version = version_of(entry.report)
    moved_to = ReportSectionFactory(report=entry.report)
    ReportEntry.objects.update(section=moved_to)
    entry.section.delete()
    restore(version)
    assert [(each.pk, each.section_id) for each in Report.objects.get().entries.all()] == [
        (entry.pk, entry.section_id)
    ]
    assert [each.pk for each in Report.objects.get().sections.all()] == [entry.section_id]


@pytest.mark.parametrize("state", ["published", "withdrawn", "scheduled"])
def test_restoring_never_changes_whether_visitors_see_it(state):
    made = CaseStudyFactory(title="Old")
    version = version_of(made)
    as_today = CaseStudyFactory.build(**{state: True})
    fields = {name: getattr(as_today, name) for name in history.PUBLISHING_FIELDS if name != "successor"}
    CaseStudy.objects.update(title="New", **fields)
    restore(version)
    back = CaseStudy.objects.get()
    assert back.title == "Old"
    assert {name: getattr(back, name) for name in fields} == fields


def test_restoring_leaves_other_records_of_the_revision_alone():
    one, other = CaseStudyFactory(title="One"), CaseStudyFactory(title="Other")
    with reversion.create_revision():
        reversion.add_to_revision(one)
        reversion.add_to_revision(other)
    CaseStudy.objects.update(title="Changed")
    restore(Version.objects.get_for_object(one)[0])
    assert set(CaseStudy.objects.values_list("title", flat=True)) == {"One", "Changed"}


def test_restoring_says_what_is_gone():
    theme, contact = ThemeFactory(), ContactFactory()
    made = CaseStudyFactory(themes=[theme], contacts=[contact])
    version = version_of(made)
    made.case_study_contacts.all().delete()
    keys = theme.pk, str(contact)
    theme.delete()
    contact.delete()
    assert restore(version) == [f"theme {keys[0]}", f"Project lead: {keys[1]}"]


def test_a_version_whose_lead_is_gone_cannot_be_restored():
    made = CaseStudyFactory()
    version = version_of(made)
    key = made.lead_organisation_id
    CaseStudy.objects.update(lead_organisation=OrganisationFactory())
    made.lead_organisation.delete()
    with pytest.raises(history.CannotRestoreError, match=f"lead organisation {key} is gone"):
        restore(version)


def form_data(page):
    """Give back what a form of the admin shows, as a browser would send it."""
    forms = [page.context["adminform"].form, *(each.formset for each in page.context["inline_admin_formsets"])]
    fields = [field for form in forms for each in (getattr(form, "forms", None) or [form]) for field in each]
    fields += [field for form in forms if hasattr(form, "management_form") for field in form.management_form]
    data = {}
    for field in fields:
        value = field.value()
        if value is None or value is False:
            continue
        data[field.html_name] = value
        if hasattr(value, "strftime"):
            data[field.html_name] = value.strftime("%d/%m/%Y")
    return data


def test_opening_a_version_shows_it_and_changes_nothing(root):
    figure = ImpactFigureFactory(case_study__title="Old")
    made = figure.case_study
    version = version_of(made)
    CaseStudy.objects.update(title="New")
    figure.delete()
    page = root.get(address("revision", made, version.pk))
    assert page.context["adminform"].form["title"].value() == "Old"
    assert CaseStudy.objects.get().title == "New"
    assert ImpactFigure.objects.count() == 0
    assert Revision.objects.count() == 1


def test_saving_an_opened_version_goes_back_to_it(root):
    made = CaseStudyFactory(title="Old", themes=[ThemeFactory()], published=True)
    CaseStudy.objects.update(status=Status.DRAFT, published_at=None)
    from_draft = version_of(made)
    CaseStudy.objects.update(title="New", status=Status.PUBLISHED, published_at=PUBLISHED_AT)
    made.settings.create(name="Care home", slug="care-home")
    data = form_data(root.get(address("revision", made, from_draft.pk)))
    data["settings"] = [made.settings.get().pk]
    answer = root.post(address("revision", made, from_draft.pk), data)
    assert answer.status_code == 302
    back = CaseStudy.objects.get()
    assert (back.title, back.status, back.published_at) == ("Old", Status.PUBLISHED, PUBLISHED_AT)
    last = Version.objects.get_for_object(made)[0].revision
    assert (last.user.username, last.comment[:24]) == ("root", "Back to the version of 2"[:24])


def test_a_slug_that_is_taken_now_is_said_to_be_in_the_way(root):
    made = CaseStudyFactory(slug="falls")
    version = version_of(made)
    CaseStudy.objects.update(slug="moved")
    CaseStudyFactory(slug="falls")
    answer = root.get(address("revision", made, version.pk), follow=True)
    assert [str(message) for message in answer.context["messages"]] == [
        "This version cannot be brought back: another record is in its way."
    ]


def test_a_version_from_another_organisation_is_closed_to_a_limited_editor(client, visitor):
    own, foreign = OrganisationFactory(), OrganisationFactory()
    editor = staff("view_casestudy", "change_casestudy", "add_casestudy")
    OrganisationEditor.objects.create(user=editor, organisation=own)
    made = CaseStudyFactory(lead_organisation=foreign)
    of_foreign = version_of(made)
    CaseStudy.objects.update(lead_organisation=own)
    of_own = version_of(made)
    visitor.force_login(editor)
    assert visitor.get(address("revision", made, of_own.pk)).status_code == 200
    assert visitor.get(address("revision", made, of_foreign.pk)).status_code == 403
    assert visitor.post(address("revision", made, of_foreign.pk)).status_code == 403


def test_an_editor_cannot_take_back_what_is_published(visitor):
    visitor.force_login(staff("view_casestudy", "change_casestudy"))
    made = CaseStudyFactory(title="Old")
    version = version_of(made)
    CaseStudy.objects.update(title="New", status=Status.PUBLISHED, published_at=PUBLISHED_AT)
    for method in (visitor.get, visitor.post):
        assert method(address("revision", made, version.pk)).status_code == 403
    assert CaseStudy.objects.get().title == "New"


# --- Recovering -----------------------------------------------------------------------------------------------


def test_a_deleted_draft_is_recovered_as_a_draft(root):
    figure = ImpactFigureFactory()
    made = figure.case_study
    made.themes.set([ThemeFactory()])
    made.settings.create(name="Care home", slug="care-home")
    CaseStudy.objects.update(status=Status.PUBLISHED, published_at=PUBLISHED_AT)
    version = version_of(made)
    made.delete()
    listed = root.get(reverse("admin:casestudies_casestudy_recoverlist"))
    assert list(listed.context["deleted"]) == [version]
    recover = reverse("admin:casestudies_casestudy_recover", args=[version.pk])
    page = root.get(recover)
    assert CaseStudy.objects.count() == 0
    assert root.post(recover, form_data(page)).status_code == 302
    back = CaseStudy.objects.get()
    assert (back.title, back.status, back.published_at) == (made.title, Status.DRAFT, None)
    assert back.impact_figures.get().label == "falls"


def test_recovering_is_for_what_was_deleted_only(visitor):
    visitor.force_login(UserFactory(is_superuser=True))
    version = version_of(CaseStudyFactory())
    assert visitor.get(reverse("admin:casestudies_casestudy_recover", args=[version.pk])).status_code == 404


def test_a_limited_editor_recovers_their_own_only(visitor):
    own = OrganisationFactory()
    editor = staff("view_casestudy", "change_casestudy", "add_casestudy")
    OrganisationEditor.objects.create(user=editor, organisation=own)
    mine, foreign = CaseStudyFactory(lead_organisation=own), CaseStudyFactory()
    versions = [version_of(mine), version_of(foreign)]
    CaseStudy.objects.all().delete()
    visitor.force_login(editor)
    listed = visitor.get(reverse("admin:casestudies_casestudy_recoverlist"))
    assert list(listed.context["deleted"]) == [versions[0]]
    answers = [visitor.get(reverse("admin:casestudies_casestudy_recover", args=[each.pk])) for each in versions]
    assert [answer.status_code for answer in answers] == [200, 403]


def test_publishing_leaves_a_version_with_the_parts():
    entry = ReportEntryFactory(case_study__published=True)
    publish(entry.report, by=None)
    last = Version.objects.get_for_object(entry.report)[0].revision
    held = {each._model.__name__ for each in last.version_set.all()}
    assert held == {"Report", "ReportSection", "ReportEntry"}
