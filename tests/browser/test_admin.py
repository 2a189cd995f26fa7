"""
The admin in a browser, under its policy: writing with the rich-text editor, and choosing what was typed a moment ago.

Anything that the policy refuses, and any script error, fails a test at its end.
"""

import pytest
from playwright.sync_api import Page, expect

from casestudies.models import CaseStudy

LIST = "/admin/casestudies/casestudy/"


def open_first(page: Page) -> CaseStudy:
    made = CaseStudy.objects.order_by("pk").first()
    assert made is not None
    page.goto(f"{LIST}{made.pk}/change/")
    return made


def test_staff_write_bold_text_and_save_it(staff_page: Page):
    made = open_first(staff_page)
    field = staff_page.locator(".field-keeping_it_going [contenteditable=true]")
    field.click()
    staff_page.keyboard.press("Control+a")
    staff_page.keyboard.press("Delete")
    staff_page.keyboard.press("Control+b")
    staff_page.keyboard.type("Every Monday")
    staff_page.keyboard.press("Control+b")
    staff_page.keyboard.type(" at the huddle.")
    staff_page.get_by_role("button", name="Save and continue editing").first.click()
    expect(staff_page.locator(".messagelist .success")).to_be_visible()
    made.refresh_from_db()
    assert made.keeping_it_going == "<p><strong>Every Monday</strong> at the huddle.</p>"
    expect(field.locator("strong")).to_have_text("Every Monday")


def test_a_figure_takes_a_source_typed_a_moment_ago_and_follows_its_address(staff_page: Page):
    made = open_first(staff_page)
    sources, figures = made.sources.count(), made.impact_figures.count()
    staff_page.get_by_role("button", name="Add another Source").or_(
        staff_page.get_by_role("link", name="Add another Source")
    ).click()
    staff_page.locator(f"#id_sources-{sources}-title").fill("A new paper")
    staff_page.locator(f"#id_sources-{sources}-url").fill("https://new.example/wrong")
    staff_page.locator("#impact_figures-group .add-row a").click()
    row = f"#id_impact_figures-{figures}"
    staff_page.locator(f"{row}-kind").select_option("reach")
    staff_page.locator(f"{row}-value").fill("46")
    staff_page.locator(f"{row}-unit").fill("care homes")
    staff_page.locator(f"{row}-label").fill("homes taking part")
    staff_page.locator(f"{row}-row").select_option(label="A new paper")
    staff_page.locator(f"#id_sources-{sources}-url").fill("https://new.example/right")
    expect(staff_page.locator(f"{row}-row")).to_have_value("https://new.example/right")
    expect(staff_page.locator(f"#id_sources-{sources}-order")).to_have_value(str(sources))
    staff_page.get_by_role("button", name="Save and continue editing").first.click()
    expect(staff_page.locator(".messagelist .success")).to_be_visible()
    figure = made.impact_figures.get(label="homes taking part")
    assert (figure.source.title, figure.source.url) == ("A new paper", "https://new.example/right")


@pytest.mark.parametrize(
    "address",
    [
        "/admin/",
        LIST,
        f"{LIST}add/",
        f"{LIST}recover/",
        "/admin/casestudies/report/add/",
        "/admin/casestudies/theme/",
        "/admin/partners/organisation/add/",
        "/admin/partners/contact/",
        "/admin/partners/organisationeditor/add/",
        "/admin/enquiries/enquiry/",
        "/admin/auth/user/",
        "/admin/password_change/",
    ],
)
def test_the_policy_refuses_nothing(staff_page: Page, address: str):
    answer = staff_page.goto(address)
    assert answer is not None
    assert answer.status == 200
    expect(staff_page.locator("#content h1, .dashboard h1")).to_be_visible()


def test_the_policy_refuses_nothing_on_the_way_through_history(staff_page: Page):
    made = open_first(staff_page)
    for name in ("history", "preview"):
        staff_page.goto(f"{LIST}{made.pk}/{name}/")
        expect(staff_page.locator("h1")).to_be_visible()
    staff_page.goto(f"{LIST}step/withdraw/?ids={made.pk}")
    staff_page.locator(".select2-selection").click()
    expect(staff_page.locator(".select2-results__option").first).to_be_visible()
