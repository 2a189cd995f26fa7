"""The admin of case studies and reports, as editors and publishers use it."""

import io
import re
from datetime import timedelta

import pytest
import reversion
from django.contrib.auth.models import Group, Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management.sql import emit_post_migrate_signal
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from PIL import Image
from reversion.models import Version

from casestudies.actions import publish
from casestudies.models import CaseStudy, CaseStudyContact, ImpactFigure, Report, ReportEntry, Resource, Source, Status
from enquiries.models import Enquiry
from partners.models import Organisation, OrganisationEditor
from tests.factories import (
    PUBLISHED_AT,
    CaseStudyFactory,
    ContactFactory,
    EnquiryFactory,
    ImpactFigureFactory,
    OrganisationFactory,
    ReportEntryFactory,
    ReportFactory,
    ReportSectionFactory,
    SettingFactory,
    SourceFactory,
    ThemeFactory,
    UserFactory,
)
from tests.pages import soup, text, texts

pytestmark = pytest.mark.django_db

LIST = "/admin/casestudies/casestudy/"
ADD = f"{LIST}add/"


@pytest.fixture(autouse=True)
def _roles():
    """Roles as `migrate` makes them; a test that empties the database takes them away."""
    assert set(Group.objects.values_list("name", flat=True)) == {"Editor", "Publisher"}


def staff(role, *organisations, **fields):
    user = UserFactory(**fields)
    user.groups.add(Group.objects.get(name=role))
    for organisation in organisations:
        OrganisationEditor.objects.create(user=user, organisation=organisation)
    return user


@pytest.fixture
def editor(client):
    client.force_login(staff("Editor", username="edith"))
    return client


@pytest.fixture
def publisher(client):
    client.force_login(staff("Publisher", username="pat"))
    return client


@pytest.fixture
def root(client):
    client.force_login(UserFactory(is_superuser=True, username="root"))
    return client


def complete(**fields):
    made = CaseStudyFactory(
        **{"themes": [ThemeFactory()], "settings": [SettingFactory()], "contacts": [ContactFactory()], **fields}
    )
    SourceFactory(case_study=made)
    return made


def page_of(name, record):
    return reverse(f"admin:casestudies_{record._meta.model_name}_{name}", args=[record.pk])


def step(name, *records):
    kind = records[0]._meta.model_name
    return f"/admin/casestudies/{kind}/step/{name}/?ids={','.join(str(record.pk) for record in records)}"


def take(client, name, *records, **data):
    address, _, ids = step(name, *records).partition("?ids=")
    return client.post(address, {"ids": ids, **data})


def messages(response):
    return [str(message) for message in response.context["messages"]]


INLINES = {"sources": 0, "impact_figures": 0, "resources": 0, "case_study_contacts": 0}


def typed(lead, **fields):
    """Make what a person types into an empty form: a case study, with a row for each part named in `fields`."""
    data = {
        "title": "Fewer falls at night",
        "slug": "fewer-falls-at-night",
        "summary": "What was done and what it changed.",
        "themes": [ThemeFactory().pk],
        "settings": [SettingFactory().pk],
        "lead_organisation": lead.pk,
        "stage": "local",
        "result": "worked",
    }
    rows = {name: fields.pop(name, []) for name in INLINES}
    for name, parts in rows.items():
        data |= {f"{name}-TOTAL_FORMS": len(parts), f"{name}-INITIAL_FORMS": 0}
        for index, part in enumerate(parts):
            data |= {f"{name}-{index}-{field}": value for field, value in {"order": index, **part}.items()}
    return data | fields


FIGURE = {"kind": "change", "direction": "lower", "value": "43", "unit": "%", "label": "falls"}


# --- The policy -----------------------------------------------------------------------------------------------


@pytest.fixture
def everywhere():
    made = ImpactFigureFactory(case_study=complete()).case_study
    entry = ReportEntryFactory()
    return [
        "/admin/",
        "/admin/password_change/",
        "/admin/auth/user/",
        "/admin/partners/organisation/",
        f"/admin/partners/organisation/{made.lead_organisation_id}/change/",
        "/admin/partners/contact/",
        "/admin/enquiries/enquiry/",
        LIST,
        ADD,
        page_of("change", made),
        page_of("history", made),
        page_of("delete", made),
        step("withdraw", made),
        step("schedule", made),
        f"{LIST}recover/",
        page_of("change", entry.report),
        "/admin/casestudies/theme/",
    ]


def check_policy(response):
    policy = dict(part.partition(" ")[::2] for part in response["Content-Security-Policy"].split("; "))
    (nonce,) = set(re.findall(r"'nonce-([\w-]{22})'", response["Content-Security-Policy"]))
    assert policy == {
        "default-src": "'none'",
        "script-src": f"'self' 'nonce-{nonce}'",
        "style-src": f"'self' 'nonce-{nonce}'",
        "img-src": "'self'",
        "font-src": "'self'",
        "connect-src": "'self'",
        "manifest-src": "'self'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
        "object-src": "'none'",
    }
    inline = soup(response).select("script:not([src]), style")
    data = [each for each in inline if each.get("type") == "application/json"]
    assert {each.get("nonce") for each in inline if each not in data} <= {nonce}
    assert soup(response).select("[style], [onclick], [onload], [onsubmit], [onchange]") == []


def test_every_page_runs_by_nonce_only(root, everywhere):
    for address in everywhere:
        response = root.get(address)
        assert (address, response.status_code) == (address, 200)
        check_policy(response)
        # Django lets its form for a new password be cached; it shows nothing of anybody.
        if address != "/admin/password_change/":
            assert (address, "no-store" in response["Cache-Control"]) == (address, True)


def test_so_does_the_login(client):
    check_policy(client.get("/admin/login/"))


def test_the_editor_finds_its_style_sheet_and_its_import_map(root):
    page = soup(root.get(ADD))
    assert len(page.select("style[data-tiptap-style][nonce]")) == 1
    assert len(page.select('script[type="importmap"][nonce]')) == 1


# --- The first page -------------------------------------------------------------------------------------------


def test_the_first_page_says_what_waits(publisher):
    CaseStudyFactory()
    complete()
    ReportFactory()
    due = complete(published=True, review_due_on=timezone.localdate())
    lonely = complete(published=True, contacts=[])
    complete(published=True, review_due_on=timezone.localdate() + timedelta(days=1))
    EnquiryFactory(case_study=due, delivery=Enquiry.Delivery.FAILED, last_error="No such mailbox.", answer="answered")
    EnquiryFactory(case_study=due, answer="open", delivery="sent", sent_at=timezone.now())
    page = publisher.get("/admin/")
    assert texts(soup(page), ".staff-to-do li") == [
        "1 draft case study is not complete yet",
        "1 draft case study could be published",
        "1 report is a draft",
        "1 case study is due for review",
        "1 public case study has nobody to ask",
        "1 enquiry could not be sent",
        "1 enquiry waits for an answer",
    ]
    links = [link["href"] for link in soup(page).select(".staff-to-do a")]
    shown = [set(publisher.get(link).context["cl"].queryset) for link in links]
    assert (shown[3], shown[4]) == ({due}, {lonely})
    assert [len(each) for each in shown] == [1] * 7


def test_the_first_page_counts_within_the_limits_of_an_editor(client):
    own = OrganisationFactory()
    client.force_login(staff("Editor", own))
    complete(lead_organisation=own)
    complete()
    assert texts(soup(client.get("/admin/")), ".staff-to-do li") == ["1 draft case study could be published"]


def test_the_first_page_says_when_nothing_waits(editor):
    assert text(soup(editor.get("/admin/")), ".staff-to-do p") == "Nothing waits for you."


# --- The list -------------------------------------------------------------------------------------------------


def the_publisher():
    """Give the publisher of all reports: a filter with one choice is not shown, and counts nothing."""
    return Organisation.objects.filter(slug="publisher").first() or OrganisationFactory(slug="publisher")


def queries_of(client, address):
    client.get(address)  # content types and permissions are remembered from now on
    with CaptureQueriesContext(
        connection,
    ) as queries:
        response = client.get(address)
    assert response.status_code == 200
    return len(queries)


@pytest.mark.parametrize(
    ("address", "make"),
    [
        (LIST, complete),
        ("/admin/casestudies/report/", lambda: ReportEntryFactory(report__publisher=the_publisher()).report),
        ("/admin/casestudies/theme/", lambda: complete().themes.get()),
        ("/admin/casestudies/setting/", lambda: complete().settings.get()),
    ],
)
def test_a_list_costs_the_same_at_any_length(root, address, make):
    make()
    of_one = queries_of(root, address)
    make()
    make()
    assert queries_of(root, address) == of_one


def test_a_form_costs_the_same_for_any_number_of_parts(root):
    def form_with(number):
        made = complete()
        source = made.sources.get()
        ImpactFigureFactory.create_batch(number, case_study=made, source=source)
        for _ in range(number - 1):
            CaseStudyContact.objects.create(case_study=made, contact=ContactFactory())
        return queries_of(root, page_of("change", made))

    # Each contact's choice shows its name, which autocomplete looks up one by one.
    assert form_with(3) - form_with(1) == 2


@pytest.fixture
def one_of_each():
    return {
        "draft": complete(),
        "scheduled": complete(scheduled=True),
        "published": complete(published=True),
        "withdrawn": complete(withdrawn=True),
    }


@pytest.mark.parametrize("state", ["draft", "scheduled", "published", "withdrawn"])
def test_the_list_is_filtered_by_status(editor, one_of_each, state):
    page = editor.get(LIST, {"state": state})
    assert set(page.context["cl"].queryset) == {one_of_each[state]}


def test_the_list_says_where_each_stands(editor, one_of_each):
    assert set(texts(soup(editor.get(LIST)), "td.field-status_in_words")) == {
        "Draft",
        "Scheduled for 1 January 2199, 09:00",
        "Published on 5 January 2026",
        "Withdrawn on 2 March 2026",
    }


def test_the_list_says_how_many_are_behind_each_filter(editor, one_of_each):
    facets = texts(soup(editor.get(LIST)), "#changelist-filter li")
    for facet in ("Draft (1)", "Scheduled (1)", "Published (1)", "Withdrawn (1)", "No measured effect (4)"):
        assert facet in facets


def test_the_list_finds_what_needs_doing(editor):
    found = {
        "ready": complete(),
        "incomplete": complete(themes=[]),
        "review": complete(published=True, review_due_on=timezone.localdate()),
        "contact": complete(published=True, contacts=[]),
        "note": complete(published=True, editor_note="Is 43% right?"),
    }
    measured = ImpactFigureFactory(case_study=complete(published=True)).case_study
    ImpactFigureFactory(case_study=found["note"], kind="reach", direction="")
    for name, expected in found.items():
        shown = editor.get(LIST, {"attention": name}).context["cl"].queryset
        assert (name, set(shown)) == (name, {expected})
    unmeasured = editor.get(LIST, {"attention": "effect"}).context["cl"].queryset
    assert set(unmeasured) == set(CaseStudy.objects.exclude(pk=measured.pk))


@pytest.mark.parametrize("words", ["night", "Lead Trust", "fewer-falls"])
def test_the_list_is_searched_by_title_address_and_names(editor, words):
    lead = OrganisationFactory(name="Lead Trust")
    found = complete(title="Falls at night", slug="fewer-falls", lead_organisation=lead)
    complete()
    assert set(editor.get(LIST, {"q": words}).context["cl"].queryset) == {found}


def test_the_list_says_who_changed_it_last(editor):
    made = complete()
    publish(made, by=UserFactory(username="pat"))
    today = timezone.localdate()
    assert texts(soup(editor.get(LIST)), "td.field-last_change") == [f"{today.day} {today:%B %Y}, pat"]


# --- Writing --------------------------------------------------------------------------------------------------


def test_a_whole_case_study_is_typed_at_once(editor):
    lead, contact = OrganisationFactory(), ContactFactory()
    answer = editor.post(
        ADD,
        typed(
            lead,
            challenge="<p>Falls <strong>hurt</strong>.<script>alert(1)</script></p>",
            intervention_types=["tool", "training"],
            sources=[
                {"title": "Trial", "url": "https://source.example/1"},
                {"title": "Report", "url": "https://source.example/2"},
            ],
            impact_figures=[FIGURE | {"row": "https://source.example/2"}],
            resources=[{"title": "Guide", "url": "https://resource.example/guide"}],
            case_study_contacts=[{"contact": contact.pk, "role": "Project lead"}],
        ),
    )
    assert answer.status_code == 302
    made = CaseStudy.objects.get()
    assert (made.status, made.intervention_types) == (Status.DRAFT, ["tool", "training"])
    assert made.challenge == "<p>Falls <strong>hurt</strong>.</p>"
    figure = made.impact_figures.get()
    assert (figure.label, figure.source.title) == ("falls", "Report")
    assert (made.resources.get().title, made.contacts.get()) == ("Guide", contact)
    revision = Version.objects.get_for_object(made)[0].revision
    assert revision.user.username == "edith"
    assert revision.version_set.count() == 6


def test_an_address_without_its_scheme_still_names_the_source(editor):
    data = typed(
        OrganisationFactory(),
        sources=[{"title": "Trial", "url": "source.example/1"}],
        impact_figures=[FIGURE | {"row": "source.example/1"}],
    )
    assert editor.post(ADD, data).status_code == 302
    assert ImpactFigure.objects.get().source.url == "https://source.example/1"


@pytest.mark.parametrize("row", ["https://source.example/9", "1", "https://foreign.example/"])
def test_a_figure_takes_only_a_source_of_the_same_page(editor, row):
    SourceFactory(url="https://foreign.example/")
    data = typed(
        OrganisationFactory(),
        sources=[{"title": "Trial", "url": "https://source.example/1"}],
        impact_figures=[FIGURE | {"row": row}],
    )
    page = editor.post(ADD, data)
    assert page.status_code == 200
    assert texts(soup(page), ".field-row .errorlist li") == ["Choose one of the sources on this page."]
    assert CaseStudy.objects.filter(slug="fewer-falls-at-night").count() == 0


def posted(client, made):
    """Give what a browser would send for a page as it is."""
    page = soup(client.get(page_of("change", made)))
    form = page.select_one("#content-main form")
    data = {}
    for field in form.select("input[name], select[name], textarea[name]"):
        kind = field.get("type")
        if "__prefix__" in field["name"] or kind in {"submit", "file"}:
            continue
        if kind in {"checkbox", "radio"} and not field.has_attr("checked"):
            continue
        values = [field.get("value", "on" if kind == "checkbox" else "")]
        if field.name == "select":
            values = [option.get("value", "") for option in field.select("option[selected]")]
        if field.name == "textarea":
            values = [field.get_text().removeprefix("\n")]
        data.setdefault(field["name"], []).extend(values)
    return data


def test_saving_a_page_as_it_is_changes_nothing(publisher):
    figure = ImpactFigureFactory(case_study=complete(published=True, reviewed_on="2026-05-01"), value="9.5")
    made = figure.case_study
    before = list(CaseStudy.objects.values()), list(ImpactFigure.objects.values()), list(Source.objects.values())
    answer = publisher.post(page_of("change", made), posted(publisher, made), follow=True)
    assert texts(soup(answer), ".messagelist li") == [f"The case study “{made}” was changed successfully."]
    after = list(CaseStudy.objects.values()), list(ImpactFigure.objects.values()), list(Source.objects.values())
    before[0][0].pop("updated_at")
    after[0][0].pop("updated_at")
    assert after == before
    assert Version.objects.get_for_object(made)[0].revision.get_comment() == "No fields changed."


def test_a_figure_keeps_its_source_when_the_address_is_corrected(editor):
    figure = ImpactFigureFactory(case_study=complete(), source__url="https://source.example/wrong")
    data = posted(editor, figure.case_study)
    (row,) = [name for name, value in data.items() if name.startswith("sources-") and value == [figure.source.url]]
    data |= {row: "https://source.example/right", "impact_figures-0-row": "https://source.example/right"}
    assert editor.post(page_of("change", figure.case_study), data).status_code == 302
    figure.refresh_from_db()
    assert (figure.source_id, figure.source.url) == (figure.source.pk, "https://source.example/right")


def test_a_source_about_to_be_deleted_cannot_be_chosen(editor):
    made = complete()
    source = made.sources.get()
    data = posted(editor, made) | {
        "sources-0-DELETE": "on",
        "impact_figures-TOTAL_FORMS": 1,
        **{f"impact_figures-0-{name}": value for name, value in FIGURE.items()},
        "impact_figures-0-order": 0,
        "impact_figures-0-row": source.url,
    }
    page = editor.post(page_of("change", made), data)
    assert texts(soup(page), ".field-row .errorlist li") == ["Choose one of the sources on this page."]


def test_the_figure_offers_the_sources_of_its_own_case_study(editor):
    figure = ImpactFigureFactory(source__title="Own")
    SourceFactory(title="Foreign")
    page = soup(editor.get(page_of("change", figure.case_study)))
    assert texts(page, "#id_impact_figures-0-row option[value]:not([value=''])") == ["Own"]


def test_an_address_is_suggested_for_a_new_page_only(editor):
    made = CaseStudyFactory()
    pages = [soup(editor.get(address)) for address in (ADD, page_of("change", made))]
    constants = [page.select_one("#django-admin-prepopulated-fields-constants") for page in pages]
    assert ["title" in constant["data-prepopulated-fields"] for constant in constants] == [True, False]


def test_the_rules_of_the_database_are_said_beside_the_form(editor):
    page = editor.post(ADD, typed(OrganisationFactory(), start_year="2019", end_year="2018"))
    assert texts(soup(page), ".errorlist.nonfield li") == ["The work cannot end before it starts."]


# --- Who may do what ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["published", "scheduled", "withdrawn"])
def test_an_editor_reads_what_visitors_may_see_but_does_not_change_it(editor, visitor, state):
    made = ImpactFigureFactory(case_study=complete(**{state: True})).case_study
    page = soup(editor.get(page_of("change", made)))
    assert "only a publisher can change it" in text(page, ".staff-publishing")
    assert page.select("#casestudy_form [name=title], [name=_save], .deletelink") == []
    assert texts(page, ".field-row .readonly")[0] == str(made.impact_figures.get().source)
    visitor.cookies = editor.cookies
    assert visitor.post(page_of("change", made), typed(made.lead_organisation)).status_code == 403
    assert visitor.post(page_of("delete", made), {"post": "yes"}).status_code == 403
    assert CaseStudy.objects.get() == made


def test_a_publisher_changes_what_visitors_see(publisher):
    made = complete(published=True)
    answer = publisher.post(page_of("change", made), posted(publisher, made) | {"title": "Better title"})
    assert answer.status_code == 302
    changed = CaseStudy.objects.get()
    assert (changed.title, changed.status, changed.published_at) == ("Better title", "published", PUBLISHED_AT)


@pytest.mark.parametrize("role", ["Editor", "Publisher"])
def test_a_form_read_before_publishing_does_not_take_it_back(visitor, role):
    made = complete()
    visitor.force_login(staff(role))
    data = posted(visitor, made)
    publish(made, by=None)
    answer = visitor.post(page_of("change", made), data)
    assert answer.status_code == {"Editor": 403, "Publisher": 302}[role]
    assert CaseStudy.objects.get().status == Status.PUBLISHED


def test_saving_locks_the_record_before_it_is_looked_at(publisher):
    made = complete()
    data = posted(publisher, made)
    with CaptureQueriesContext(connection) as queries:
        publisher.post(page_of("change", made), data)
    about = [query["sql"] for query in queries if '"casestudies_casestudy"' in query["sql"]]
    locked = next(index for index, sql in enumerate(about) if "FOR UPDATE" in sql)
    written = next(index for index, sql in enumerate(about) if sql.startswith("UPDATE"))
    assert locked < written


def test_a_draft_is_deleted_with_its_parts(editor):
    figure = ImpactFigureFactory()
    answer = editor.post(page_of("delete", figure.case_study), {"post": "yes"})
    assert answer.status_code == 302
    assert [model.objects.count() for model in (CaseStudy, ImpactFigure, Source)] == [0, 0, 0]


@pytest.mark.parametrize("state", ["published", "scheduled", "withdrawn"])
def test_nobody_deletes_what_visitors_may_have_seen(root, state):
    made, draft = complete(title="Seen", **{state: True}), complete()
    data = {"action": "delete_selected", "_selected_action": [made.pk, draft.pk]}
    page = root.post(LIST, data)
    said = [line for line in texts(soup(page), "#content li") if line.startswith("Seen")]
    assert len(said) == 1
    assert said[0].endswith("withdraw it instead)")
    root.post(LIST, data | {"post": "yes"})
    assert CaseStudy.objects.count() == 2


def test_a_limited_editor_sees_and_changes_only_their_organisations(client, visitor):
    own, foreign = OrganisationFactory(), OrganisationFactory()
    client.force_login(staff("Editor", own))
    mine, other = complete(lead_organisation=own), complete(lead_organisation=foreign)
    visitor.cookies = client.cookies
    assert set(client.get(LIST).context["cl"].queryset) == {mine}
    assert client.get(page_of("change", mine)).status_code == 200
    for name in ("change", "history", "delete"):
        assert client.get(page_of(name, other)).status_code == 302
        assert client.get(page_of(name, other), follow=True).redirect_chain[-1][0] == "/admin/"
    assert visitor.get(page_of("preview", other)).status_code == 404
    assert visitor.get(page_of("compare", other)).status_code == 404
    found = client.get("/admin/autocomplete/?app_label=casestudies&model_name=reportentry&field_name=case_study&term=")
    assert [each["id"] for each in found.json()["results"]] == [str(mine.pk)]


def test_a_draft_does_not_take_over_an_address_that_leads_to_a_page(editor, visitor):
    moved = complete(slug="falls", published=True)
    CaseStudy.objects.filter(pk=moved.pk).update(slug="fewer-falls")
    page = soup(editor.post(ADD, typed(moved.lead_organisation, slug="falls")))
    assert texts(page, ".field-slug .errorlist li") == [
        "Another page had this address name before, and links to it still lead there."
    ]
    assert visitor.get("/case-studies/falls/").headers["Location"] == "/case-studies/fewer-falls/"


def test_a_limited_editor_leads_only_to_their_organisations(client):
    own, foreign = OrganisationFactory(name="Own"), OrganisationFactory()
    client.force_login(staff("Editor", own))
    assert texts(soup(client.get(ADD)), "#id_lead_organisation option:not([value=''])") == ["Own"]
    page = client.post(ADD, typed(foreign))
    assert texts(soup(page), ".field-lead_organisation .errorlist li") == [
        "Select a valid choice. That choice is not one of the available choices."
    ]
    assert client.post(ADD, typed(own)).status_code == 302


def test_a_limited_editor_reads_no_version_from_before_the_record_was_theirs(client, visitor):
    own, found = OrganisationFactory(), complete()
    with reversion.create_revision():
        found.save()
    with reversion.create_revision():
        found.lead_organisation = own
        found.save()
    new, old = Version.objects.get_for_object(found)
    client.force_login(staff("Editor", own))
    visitor.cookies = client.cookies
    compare, revision = page_of("compare", found), page_of("history", found)
    assert visitor.get(f"{compare}?from={new.pk}&to={new.pk}").status_code == 200
    assert visitor.get(f"{compare}?from={old.pk}&to={new.pk}").status_code == 403
    assert visitor.get(f"{revision}{old.pk}/").status_code == 403


def test_a_limited_publisher_publishes_only_their_organisations(client, visitor):
    own = OrganisationFactory()
    client.force_login(staff("Publisher", own))
    mine, other = complete(lead_organisation=own), complete()
    visitor.cookies = client.cookies
    assert take(visitor, "publish", mine).status_code == 302
    assert take(visitor, "publish", other).status_code == 404
    assert set(CaseStudy.objects.published()) == {mine}


def test_a_superuser_is_not_limited(root):
    user = type(UserFactory()).objects.get(username="root")
    OrganisationEditor.objects.create(user=user, organisation=OrganisationFactory())
    made = complete()
    assert set(root.get(LIST).context["cl"].queryset) == {made}


# --- Publishing -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "buttons"),
    [
        ("draft", ["Preview", "Publish", "Publish later"]),
        ("scheduled", ["Preview", "Publish", "Publish later", "Cancel the schedule"]),
        ("published", ["Preview", "Withdraw"]),
        ("withdrawn", ["Preview", "Publish", "Withdraw"]),
    ],
)
def test_the_form_offers_what_can_be_done_next(publisher, one_of_each, state, buttons):
    page = soup(publisher.get(page_of("change", one_of_each[state])))
    assert texts(page, ".staff-publishing__steps a") == buttons


def test_an_editor_gets_no_button_to_publish(editor):
    page = soup(editor.get(page_of("change", complete())))
    assert texts(page, ".staff-publishing__steps a") == ["Preview"]
    assert "Ask a publisher to publish it." in text(page, ".staff-publishing")
    assert "Publish" not in " ".join(texts(soup(editor.get(LIST)), "select[name=action] option"))


def test_the_form_says_what_is_missing(editor):
    page = soup(editor.get(page_of("change", complete(themes=[], outcome=""))))
    assert texts(page, ".staff-publishing li:not(.staff-publishing__steps li)") == [
        "Write the outcome: what was found.",
        "Choose at least one theme.",
    ]


def test_a_publisher_publishes_after_a_question(publisher):
    made = complete()
    page = publisher.get(step("publish", made))
    assert texts(soup(page), ".staff-step__records a") == [str(made)]
    assert CaseStudy.objects.published().count() == 0
    answer = take(publisher, "publish", made)
    assert answer.url == page_of("change", made)
    assert messages(publisher.get(answer.url)) == [f"Published: “{made}”."]
    assert set(CaseStudy.objects.published()) == {made}
    assert Version.objects.get_for_object(made)[0].revision.user.username == "pat"


@pytest.mark.parametrize("name", ["publish", "schedule", "cancel-schedule", "withdraw"])
def test_an_editor_takes_no_step(visitor, name):
    visitor.force_login(staff("Editor"))
    draft, public = complete(), complete(published=True)
    data = {"reason": "Mine.", "at_0": "2199-01-01", "at_1": "09:00"}
    for made in (draft, public):
        assert visitor.get(step(name, made)).status_code == 403
        assert take(visitor, name, made, **data).status_code == 403
    assert set(CaseStudy.objects.values_list("pk", "status")) == {(draft.pk, "draft"), (public.pk, "published")}


@pytest.mark.parametrize("action", ["publish_selected", "withdraw_selected"])
def test_an_editor_has_no_bulk_action_either(editor, action):
    made = complete(published=True)
    answer = editor.post(LIST, {"action": action, "_selected_action": [made.pk]}, follow=True)
    assert messages(answer) == ["No action selected."]


def test_what_is_refused_stays_on_the_page_with_the_reason(publisher):
    good, bad = complete(title="Good"), complete(title="Bad", themes=[])
    page = take(publisher, "publish", good, bad)
    assert texts(soup(page), ".errorlist.nonfield li") == ["“Bad”: Choose at least one theme."]
    assert texts(soup(page), ".staff-step__records a") == ["Bad"]
    assert messages(page) == ["Published: “Good”."]
    assert set(CaseStudy.objects.published()) == {good}


def test_each_of_a_bulk_has_a_version_of_its_own(publisher):
    one, other = complete(), complete()
    page = publisher.post(LIST, {"action": "publish_selected", "_selected_action": [one.pk, other.pk]})
    assert set(texts(soup(page), ".staff-step__records a")) == {str(one), str(other)}
    assert take(publisher, "publish", one, other).url == LIST
    revisions = {Version.objects.get_for_object(made)[0].revision_id for made in (one, other)}
    assert len(revisions) == 2


def test_a_publisher_publishes_later(publisher):
    made = complete()
    take(publisher, "schedule", made, at_0="2199-07-01", at_1="09:30")
    local = timezone.localtime(CaseStudy.objects.get().published_at)
    assert f"{local:%Y-%m-%d %H:%M}" == "2199-07-01 09:30"
    take(publisher, "cancel-schedule", made)
    assert CaseStudy.objects.get().status == Status.DRAFT


@pytest.mark.parametrize(
    ("data", "error"),
    [
        ({}, "This field is required."),
        ({"at_0": "soon", "at_1": "09:00"}, "Enter a valid date."),
        ({"at_0": "2020-01-01", "at_1": "09:00"}, "Give a time to come, or use “Publish”."),
    ],
)
def test_a_schedule_needs_a_time_to_come(publisher, data, error):
    page = take(publisher, "schedule", complete(), **data)
    assert texts(soup(page), ".form-row .errorlist li") == [error]
    assert CaseStudy.objects.get().status == Status.DRAFT


def test_a_bulk_withdrawal_asks_for_the_reason_first(publisher):
    made, successor = [complete(published=True), complete(published=True)], complete(published=True)
    page = publisher.post(LIST, {"action": "withdraw_selected", "_selected_action": [each.pk for each in made]})
    assert soup(page).select_one("textarea[name=reason]")
    refused = take(publisher, "withdraw", *made, reason=" ")
    assert texts(soup(refused), ".form-row .errorlist li") == ["This field is required."]
    assert CaseStudy.objects.withdrawn().count() == 0
    take(publisher, "withdraw", *made, reason="Out of date.", successor=successor.pk)
    assert set(CaseStudy.objects.withdrawn()) == set(made)
    assert set(CaseStudy.objects.withdrawn().values_list("withdrawal_reason", "successor")) == {
        ("Out of date.", successor.pk)
    }


def test_a_successor_is_searched_among_what_visitors_see(publisher, one_of_each):
    found = publisher.get("/admin/autocomplete/?app_label=casestudies&model_name=casestudy&field_name=successor&term=")
    assert [each["id"] for each in found.json()["results"]] == [str(one_of_each["published"].pk)]


@pytest.mark.parametrize("query", ["", "?ids=", "?ids=0", "?ids=x", "?ids=²", "?ids=" + "9" * 40])
def test_a_step_for_nothing_is_not_found(visitor, query):
    visitor.force_login(staff("Publisher"))
    assert visitor.get(f"{LIST}step/publish/{query}").status_code == 404


def test_an_unknown_step_is_not_found(visitor):
    visitor.force_login(staff("Publisher"))
    assert visitor.get(step("explode", complete())).status_code == 404


# --- Preview --------------------------------------------------------------------------------------------------


PREVIEW = "Draft preview. Visitors do not see this page."


@pytest.mark.parametrize("state", ["draft", "scheduled"])
def test_staff_see_a_draft_as_visitors_would(editor, visitor, one_of_each, state):
    made = ImpactFigureFactory(case_study=one_of_each[state]).case_study
    assert visitor.get(made.get_absolute_url()).status_code == 404
    assert editor.get(made.get_absolute_url()).status_code == 404
    page = editor.get(page_of("preview", made))
    assert page.status_code == 200
    assert text(soup(page), "h1") == made.title
    assert PREVIEW in text(soup(page), ".nhsuk-inset-text")
    assert page["X-Robots-Tag"] == "noindex, nofollow"
    assert soup(page).select_one("meta[name=robots]")["content"] == "noindex"
    assert "no-store" in page["Cache-Control"]
    assert "nonce" not in page["Content-Security-Policy"]


def test_staff_see_a_report_as_visitors_would(editor, visitor):
    entry = ReportEntryFactory(case_study=complete(published=True))
    assert visitor.get(entry.report.get_absolute_url()).status_code == 404
    page = editor.get(page_of("preview", entry.report))
    assert text(soup(page), "h1") == entry.report.title
    assert PREVIEW in text(soup(page), ".nhsuk-inset-text")
    assert page["X-Robots-Tag"] == "noindex, nofollow"


def test_a_preview_of_what_is_public_says_nothing_of_a_draft(editor, one_of_each):
    page = soup(editor.get(page_of("preview", one_of_each["published"])))
    assert PREVIEW not in page.get_text()


def test_a_preview_is_for_staff_who_may_see_it(client, visitor):
    made = complete()
    assert visitor.get(page_of("preview", made)).status_code == 302
    client.force_login(UserFactory())
    visitor.cookies = client.cookies
    assert visitor.get(page_of("preview", made)).status_code == 403


def test_only_what_has_a_page_links_to_it(editor, one_of_each):
    linked = {
        state
        for state, made in one_of_each.items()
        if soup(editor.get(page_of("change", made))).select(".viewsitelink")
    }
    assert linked == {"published", "withdrawn"}


# --- Reports --------------------------------------------------------------------------------------------------


def picture(name="cover.png"):
    out = io.BytesIO()
    Image.new("RGB", (60, 80), "teal").save(out, "PNG")
    return SimpleUploadedFile(name, out.getvalue() + b"<script>", "image/png")


def typed_report(**fields):
    sections, entries = fields.pop("sections", []), fields.pop("entries", [])
    data = {
        "title": "Safer homes",
        "slug": "safer-homes",
        "publisher": OrganisationFactory().pk,
        "issued_on": "04/09/2019",
        "summary": "What the report gathers.",
        "sources-TOTAL_FORMS": 0,
        "sources-INITIAL_FORMS": 0,
    }
    for name, rows in {"sections": sections, "entries": entries}.items():
        data |= {f"{name}-TOTAL_FORMS": len(rows), f"{name}-INITIAL_FORMS": 0}
        for index, row in enumerate(rows):
            data |= {f"{name}-{index}-{field}": value for field, value in {"order": index, **row}.items()}
    return data | fields


def test_a_whole_report_is_composed_at_once(editor):
    first, second = complete(), complete()
    data = typed_report(
        cover=picture(),
        cover_alt="A teal page.",
        foreword="<p>Dear reader</p>",
        sections=[{"title": "Falls"}, {"title": "Medicines"}],
        entries=[{"row": "Medicines", "case_study": first.pk}, {"row": "Falls", "case_study": second.pk}],
    )
    assert editor.post("/admin/casestudies/report/add/", data).status_code == 302
    report = Report.objects.get()
    assert [(entry.section.title, entry.case_study) for entry in report.entries.all()] == [
        ("Falls", second),
        ("Medicines", first),
    ]
    assert re.fullmatch(r"covers/[\w-]{16}/cover\.webp", report.cover.name)
    with report.cover.open() as stored, Image.open(stored) as opened:
        assert (opened.format, opened.size) == ("WEBP", (60, 80))


@pytest.mark.parametrize(
    ("fields", "place", "error"),
    [
        ({"cover": picture()}, "cover_alt", "Say in words what the cover shows."),
        (
            {"cover": SimpleUploadedFile("cover.png", b"<svg></svg>", "image/png"), "cover_alt": "A page."},
            "cover",
            "Upload a valid image. The file you uploaded was either not an image or a corrupted image.",
        ),
    ],
)
def test_a_cover_is_an_image_with_its_words(editor, fields, place, error):
    page = editor.post("/admin/casestudies/report/add/", typed_report(**fields))
    assert texts(soup(page), ".errorlist li") == [error]
    assert texts(soup(page), f".field-{place} .errorlist li") == [error]


def test_an_entry_takes_only_a_section_of_the_same_page(editor):
    ReportSectionFactory(title="Elsewhere")
    data = typed_report(sections=[{"title": "Falls"}], entries=[{"row": "Elsewhere", "case_study": complete().pk}])
    page = editor.post("/admin/casestudies/report/add/", data)
    assert texts(soup(page), ".field-row .errorlist li") == ["Choose one of the sections on this page."]
    assert ReportEntry.objects.count() == 0


def test_a_limited_editor_puts_into_a_report_only_what_they_may_read(client):
    own = OrganisationFactory()
    client.force_login(staff("Editor", own))
    add = "/admin/casestudies/report/add/"

    def answer(case_study):
        entries = [{"row": "Falls", "case_study": case_study.pk}]
        slug = f"with-{case_study.slug}"
        return client.post(
            add, typed_report(publisher=own.pk, slug=slug, sections=[{"title": "Falls"}], entries=entries)
        )

    page = answer(complete(title="A draft of others"))
    assert texts(soup(page), ".field-case_study .errorlist li") == [
        "Select a valid choice. That choice is not one of the available choices."
    ]
    assert "A draft of others" not in page.text
    mine, public, there = complete(lead_organisation=own), complete(published=True), complete()
    ReportEntryFactory(report=ReportFactory(publisher=own), case_study=there)
    assert [answer(found).status_code for found in (mine, public, there)] == [302, 302, 302]


def test_a_publisher_publishes_a_report(publisher):
    entry = ReportEntryFactory(case_study=complete(published=True))
    take(publisher, "publish", entry.report)
    assert set(Report.objects.published()) == {entry.report}


# --- Resources ------------------------------------------------------------------------------------------------


def test_a_picture_among_the_resources_is_stored_anew_out_of_reach(editor):
    data = typed(OrganisationFactory(), resources=[{"title": "Chart", "file": picture("My chart.png")}])
    assert editor.post(ADD, data).status_code == 302
    resource = Resource.objects.get()
    assert re.fullmatch(rf"resources/{resource.case_study_id}/[\w-]{{16}}/my-chart\.png", resource.file.name)
    with resource.file.open() as stored:
        assert b"<script>" not in stored.read()


@pytest.mark.parametrize(
    ("row", "error"),
    [
        ({"file": SimpleUploadedFile("a.pdf", b"<html>")}, "The file’s content is not what its name (.pdf) says."),
        ({}, "Give either a file or a link."),
        ({"file": picture(), "url": "https://resource.example/"}, "Give either a file or a link."),
    ],
)
def test_a_resource_is_a_file_that_is_what_it_says_or_a_link(editor, row, error):
    page = editor.post(ADD, typed(OrganisationFactory(), resources=[{"title": "Guide", **row}]))
    assert texts(soup(page), "#resources-group .errorlist li") == [error]


# --- Roles ----------------------------------------------------------------------------------------------------


def test_a_term_in_use_is_not_deleted(root):
    theme = complete().themes.get()
    unused = ThemeFactory()
    pages = [root.get(f"/admin/casestudies/theme/{each.pk}/change/") for each in (theme, unused)]
    assert [bool(soup(page).select(".deletelink")) for page in pages] == [False, True]


def test_what_each_role_may_do():
    granted = {
        role.name: {
            f"{permission.codename}"
            for permission in Permission.objects.filter(group=role).select_related("content_type")
        }
        for role in Group.objects.all()
    }
    parts = ["casestudycontact", "impactfigure", "reportentry", "reportsection", "reportsource", "resource", "source"]
    whole = [*parts, "casestudy", "report", "organisationname"]
    both = {f"{verb}_{name}" for verb in ("view", "add", "change", "delete") for name in whole}
    both |= {f"{verb}_{name}" for verb in ("view", "add", "change") for name in ("contact", "organisation")}
    both |= {"view_theme", "view_setting", "view_synonymgroup", "view_enquiry", "change_enquiry"}
    assert granted["Editor"] == both
    assert granted["Publisher"] - both == {
        "publish_casestudy",
        "publish_report",
        "add_theme",
        "change_theme",
        "add_synonymgroup",
        "change_synonymgroup",
        "delete_synonymgroup",
        "add_setting",
        "change_setting",
        "delete_contact",
        "delete_enquiry",
    }
    assert both - granted["Publisher"] == set()


def test_migrate_puts_roles_right_and_leaves_other_permissions():
    editors = Group.objects.get(name="Editor")
    foreign = Permission.objects.get(codename="view_user")
    editors.permissions.set([foreign, Permission.objects.get(codename="publish_casestudy")])
    emit_post_migrate_signal(verbosity=0, interactive=False, db="default")
    codes = set(editors.permissions.values_list("codename", flat=True))
    assert {"view_user", "change_casestudy", "view_enquiry"} <= codes
    assert "publish_casestudy" not in codes


@pytest.mark.parametrize("role", ["Editor", "Publisher"])
def test_no_role_manages_users_or_limits(visitor, role):
    visitor.force_login(staff(role))
    addresses = ["/admin/auth/user/", "/admin/auth/group/", "/admin/partners/organisationeditor/"]
    assert [visitor.get(address).status_code for address in addresses] == [403, 403, 403]


@pytest.mark.parametrize("role", ["Editor", "Publisher"])
def test_each_role_follows_up_enquiries(client, role):
    client.force_login(staff(role))
    enquiry = EnquiryFactory()
    address = f"/admin/enquiries/enquiry/{enquiry.pk}/change/"
    assert client.post(address, {"answer": "answered"}).status_code == 302
    assert Enquiry.objects.get().answer == "answered"
