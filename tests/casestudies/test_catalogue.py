"""The catalogue of a process: taking in what has changed gives the same as reading everything."""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from pyroaring import BitMap

from casestudies import catalogue as module
from casestudies.actions import publish, withdraw
from casestudies.catalogue import Catalogue, read_catalogue
from casestudies.content_version import ContentState, read_state
from casestudies.models import CaseStudy, ContentVersion, InterventionType, Result, Setting, Stage, Status, Theme
from partners.models import Organisation
from tests.factories import CaseStudyFactory, OrganisationFactory, SettingFactory, ThemeFactory, complete

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _a_process_that_just_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_shared", module._Shared())


def content_of(catalogue: Catalogue) -> dict[str, Any]:
    """Give all that a catalogue says, without sets that are empty."""
    return {
        "published": catalogue.published,
        "having": {option: keys for option, keys in catalogue.having.items() if keys},
        "newest": catalogue.newest,
        "by title": catalogue.by_title,
        "places": catalogue.places,
        "terms": catalogue.terms,
    }


def from_nothing() -> Catalogue:
    """Read the catalogue as a process that just started does."""
    return module._Shared().at(read_state())


def assert_is_right() -> None:
    """Compare the catalogue of this process, which took in one change after another, with one from nothing."""
    (kept, now), other = read_catalogue(), from_nothing()
    assert content_of(kept) == content_of(other)
    # One may still know of a time that has come; what visitors may see is the same.
    assert {pk: time for pk, time in kept.scheduled.items() if time > now} == {
        pk: time for pk, time in other.scheduled.items() if time > now
    }
    assert set(kept.visible(now)) == set(
        CaseStudy.objects.filter(published_at__lte=now, status="published").values_list("pk", flat=True)
    )


# --- Any changes in any order --------------------------------------------------------------------------------------

years = st.one_of(st.none(), st.integers(2010, 2014))
some = st.integers(0, 5)  # which of the records that there are

type Change = Callable[[], object]


def pick(records: Any, number: int) -> Any:
    """Choose one of the records there are, by a number that may be too large; None where there is none."""
    found = list(records.order_by("pk"))
    return found[number % len(found)] if found else None


def add(number: int, theme: int, setting: int, first: int | None, last: int | None) -> None:
    """Add a case study with all it needs, published or not."""
    last = max(first, last) if first and last else last
    made = complete(
        title=f"{'aBcDeF'[number]} title",
        themes=[pick(Theme.objects, theme)],
        settings=[pick(Setting.objects, setting)],
        lead_organisation=pick(Organisation.objects, number),
        start_year=first,
        end_year=last,
    )
    if number % 3:
        publish(made, by=None)


def change(number: int, **values: Any) -> None:
    """Change a case study in any state."""
    if case_study := pick(CaseStudy.objects, number):
        for name, value in values.items():
            setattr(case_study, name, value)
        case_study.save()


def set_years(number: int, first: int | None, last: int | None) -> None:
    change(number, start_year=first, end_year=max(first, last) if first and last else last)


def set_links(number: int, name: str, chosen: set[int]) -> None:
    """Set themes, settings or partners."""
    if case_study := pick(CaseStudy.objects, number):
        links = getattr(case_study, name)
        links.set([record for each in chosen if (record := pick(links.model.objects, each))])


def set_lead(number: int, organisation: int) -> None:
    change(number, lead_organisation=pick(Organisation.objects, organisation))


def set_region(organisation: int, region: str) -> None:
    changed = pick(Organisation.objects, organisation)
    changed.region = region
    changed.save()


def set_status(number: int, what: str, seconds: int) -> None:
    """Publish, withdraw, schedule or hide a case study, whatever it was."""
    if (case_study := pick(CaseStudy.objects, number)) is None:
        return
    if what == "publish" and case_study.themes.exists() and case_study.settings.exists():
        publish(case_study, by=None)
    elif what == "withdraw" and case_study.is_public():
        withdraw(case_study, reason="A reason.", by=None)
    elif what == "schedule":
        time = read_state().now + timedelta(hours=seconds)
        CaseStudy.objects.filter(pk=case_study.pk).update(
            status=Status.PUBLISHED, published_at=time, withdrawn_at=None, withdrawal_reason=""
        )
    elif what == "hide":
        CaseStudy.objects.filter(pk=case_study.pk).update(
            status=Status.DRAFT, published_at=None, withdrawn_at=None, withdrawal_reason=""
        )


def delete(number: int) -> None:
    if case_study := pick(CaseStudy.objects, number):
        case_study.delete()


def rename(number: int, kind: Any, name: str) -> None:
    record = pick(kind.objects, number)
    if not kind.objects.filter(name=name).exists():
        record.name = name
        record.save()


def delete_taxon(number: int, kind: Any) -> None:
    """Delete a theme or a setting, but for the last: links to it go too."""
    if kind.objects.count() > 1:
        pick(kind.objects, number).delete()


def undo(made: Change) -> None:
    """Make a change that is not committed."""
    with transaction.atomic():
        made()
        connection.check_constraints()
        transaction.set_rollback(True)


def together(*made: Change) -> None:
    """Make changes in one transaction, in which the catalogue has them too."""
    with transaction.atomic():
        for each in made:
            each()
            kept, now = read_catalogue()
            assert set(kept.visible(now)) == set(
                CaseStudy.objects.filter(published_at__lte=now, status="published").values_list("pk", flat=True)
            )


def call(function: Callable[..., object], *arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[Change]:
    """Give changes that call a function with such arguments; hypothesis shows them when one fails."""
    return st.tuples(*arguments).map(lambda values: Call(function, values))


class Call:
    """A call to come, which says what it is."""

    def __init__(self, function: Callable[..., object], values: tuple[Any, ...]) -> None:
        self.function, self.values = function, values

    def __call__(self) -> None:
        self.function(*self.values)

    def __repr__(self) -> str:
        return f"{self.function.__name__}{self.values}"


simple = st.one_of(
    call(add, some, some, some, years, years),
    call(set_years, some, years, years),
    call(set_links, some, st.sampled_from(["themes", "settings", "partner_organisations"]), st.sets(some, max_size=3)),
    call(set_lead, some, some),
    call(set_region, some, st.sampled_from(Organisation.Region.values)),
    call(set_status, some, st.sampled_from(["publish", "withdraw", "schedule", "hide"]), st.sampled_from([-2, -1, 1])),
    call(delete, some),
    call(rename, some, st.sampled_from([Theme, Setting, Organisation]), st.sampled_from(["One", "Two"])),
    call(delete_taxon, some, st.sampled_from([Theme, Setting])),
    call(lambda number, stage, result: change(number, stage=stage, result=result), some,
         st.sampled_from(Stage.values), st.sampled_from(Result.values)),
    call(lambda number, types: change(number, intervention_types=types), some,
         st.lists(st.sampled_from(InterventionType.values), max_size=3)),
    call(lambda number, title: change(number, title=title), some, st.sampled_from(["Ähre", "zebra", "A title"])),
)  # fmt: skip
changes = st.one_of(simple, simple, call(undo, simple), call(together, simple, simple))


def empty() -> None:
    """Empty the tables of content; the version stays, as in a database that people work with."""
    CaseStudy.objects.all().delete()
    Theme.objects.all().delete()
    Setting.objects.all().delete()


@given(st.lists(changes, min_size=3, max_size=10))
@example([Call(set_status, (0, "schedule", 1)), Call(set_status, (0, "schedule", -1))])
@example([Call(set_status, (0, "schedule", 1)), Call(set_status, (0, "hide", 0)), Call(set_status, (0, "publish", 0))])
@settings(
    max_examples=25,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],  # to shorten what fails takes minutes here
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_whatever_changes_is_taken_in(sequence: list[Change]):
    empty()
    for _ in range(2):
        ThemeFactory()
        SettingFactory()
        OrganisationFactory()
    for number in (1, 2, 3):
        add(number, number, number, 2011, 2012)
    assert_is_right()
    for made in sequence:
        made()
        assert_is_right()


# --- One at a time -------------------------------------------------------------------------------------------------


def test_only_what_has_changed_is_read():
    studies = [CaseStudyFactory(published=True) for _ in range(3)]
    read_catalogue()
    studies[0].save()
    with CaptureQueriesContext(connection) as queries:
        read_catalogue()
    (facts,) = [query["sql"] for query in queries if "start_year" in query["sql"]]
    assert f"'{{{studies[0].pk}}}'" in facts


def test_where_nothing_has_changed_nothing_is_read():
    CaseStudyFactory(published=True)
    kept, _ = read_catalogue()
    with CaptureQueriesContext(connection) as queries:
        again, _ = read_catalogue()
    assert again is kept
    # The state itself is read past Django's cursors.
    assert queries.captured_queries == []


def test_a_list_costs_the_same_whether_something_has_changed_long_ago_or_never():
    case_study = CaseStudyFactory(published=True)
    client = Client()
    client.get("/case-studies/")
    with CaptureQueriesContext(connection) as queries:
        client.get("/case-studies/")
    assert len(queries) == 0  # but for the state of the content, which Django does not see
    withdraw(case_study, reason="A reason.", by=None)
    assert "1 case study" not in client.get("/case-studies/").content.decode()


def test_what_is_undone_leaves_nothing_behind():
    case_study = CaseStudyFactory(published=True)
    before, _ = read_catalogue()
    with transaction.atomic():
        CaseStudy.objects.filter(pk=case_study.pk).update(result=Result.DID_NOT_WORK)
        own, _ = read_catalogue()
        assert own.count("result", "did-not-work", own.published) == 1
        assert own.version is None
        transaction.set_rollback(True)
    after, _ = read_catalogue()
    assert after is before
    assert after.count("result", "did-not-work", after.published) == 0


def test_what_nobody_else_sees_is_never_shared():
    with pytest.raises(ValueError, match="others see"):
        module._shared.at(ContentState(None, None, "", read_state().now))


def test_a_thread_with_an_older_state_gets_the_newer_catalogue():
    """It read the state, then waited while another thread took in what was published meanwhile."""
    CaseStudyFactory(published=True)
    older = read_state()
    case_study = CaseStudyFactory(published=True)
    ahead, _ = read_catalogue()
    assert ahead.version > older.version
    assert module._shared.at(older) is ahead
    assert case_study.pk in ahead.published


def test_a_database_put_back_from_a_backup_is_read_anew():
    first = CaseStudyFactory(published=True)
    older = read_state()
    second = CaseStudyFactory(published=True)
    assert second.pk in read_catalogue()[0].published
    # As in the backup, which knows nothing of the second.
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE casestudies_casestudy DISABLE TRIGGER USER")
        CaseStudy.objects.filter(pk=second.pk).delete()
        ContentVersion.objects.update(version=older.version)
        cursor.execute("ALTER TABLE casestudies_casestudy ENABLE TRIGGER USER")
    kept, _ = read_catalogue()
    assert (set(kept.published), kept.version) == ({first.pk}, older.version)


def test_a_database_that_has_come_past_the_same_version_another_way_is_read_anew():
    case_study = CaseStudyFactory(published=True)
    kept, now = read_catalogue()
    other = ContentState(kept.version, None, "elsewhere", now)
    # What the process had is wrong there, though the version is the same.
    wrong = Catalogue(version=kept.version, origin="elsewhere", published=BitMap([case_study.pk + 1]))
    module._shared.catalogue = wrong
    assert module._shared.at(other) is wrong
    again, _ = read_catalogue()
    assert set(again.published) == {case_study.pk}
    assert again.origin == kept.origin


def test_an_emptied_database_is_read_anew():
    CaseStudyFactory(published=True)
    assert read_catalogue()[0].published
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE casestudies_casestudy, casestudies_contentversion, casestudies_contentchange CASCADE")
    assert not read_catalogue()[0].published
    case_study = CaseStudyFactory(published=True)
    assert set(read_catalogue()[0].published) == {case_study.pk}


@pytest.fixture
def threads() -> Iterator[Callable[[Callable[[], object]], threading.Thread]]:
    """Start threads, and see that they end well."""
    started: list[threading.Thread] = []
    failures: list[BaseException] = []

    def start(work: Callable[[], object]) -> threading.Thread:
        def run() -> None:
            try:
                work()
            except BaseException as error:  # raised below
                failures.append(error)
            finally:
                connection.close()

        thread = threading.Thread(target=run, daemon=True)
        started.append(thread)
        thread.start()
        return thread

    yield start
    for thread in started:
        thread.join(60)
        assert not thread.is_alive()
    if failures:
        raise failures[0]


def test_threads_see_what_was_committed_before_they_asked(threads):
    """One publishes and withdraws; the others must find each change that was there before they looked."""
    studies = [complete() for _ in range(4)]
    committed: list[tuple[int, bool]] = []  # which case study became public, or no longer is
    under_way: set[int] = set()
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            known = len(committed)
            kept, now = read_catalogue()
            seen = kept.visible(now)
            last = dict(committed[:known])
            # What was being changed then may be either way. It is noted as committed before it ceases to be under way.
            unsure = set(under_way)
            unsure |= {pk for pk, _ in committed[known:]}
            assert all((pk in seen) == is_public for pk, is_public in last.items() if pk not in unsure)

    for _ in range(2):
        threads(look)
    try:
        for number in range(24):
            case_study = studies[number % 4]
            under_way.add(case_study.pk)
            is_public = number // 4 % 2 == 0
            if is_public:
                publish(case_study, by=None)
            else:
                withdraw(case_study, reason="A reason.", by=None)
            committed.append((case_study.pk, is_public))
            under_way.discard(case_study.pk)
    finally:
        done.set()
    assert_is_right()


def test_two_threads_read_a_new_catalogue_once(threads, monkeypatch):
    """The second waits for what the first is reading, and reads nothing."""
    CaseStudyFactory(published=True)
    reads, first_reads, go_on = [], threading.Event(), threading.Event()
    read_facts = module._read_facts

    def slowly(*arguments):
        reads.append(arguments)
        first_reads.set()
        assert go_on.wait(60)
        return read_facts(*arguments)

    monkeypatch.setattr(module, "_read_facts", slowly)
    found: list[Catalogue] = []
    state = read_state()
    threads(lambda: found.append(module._shared.at(state)))
    assert first_reads.wait(60)
    second = threads(lambda: found.append(module._shared.at(state)))
    go_on.set()
    second.join(60)
    assert len(reads) == 1
