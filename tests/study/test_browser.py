"""Whole studies in a real browser: by keyboard, with reloads and two tabs, on two machines; and the organiser's."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from finemri.study.images import Showing
from finemri.study.protocol import protocol
from tests.study.browser import DESK, PATIENCE, PHONE, READY, answered, machine, place, redrawn, spread
from tests.study.web import METHODS, PASSWORD, Office, serving, study_of

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PEOPLE = ("jane_doe_0", "jane_doe_1")
SHAPE = (40, 48, 36)
GONE = "n => document.querySelector('[name=trial]')?.value !== String(n)"
"""The page shows another trial, or none."""


def by_keyboard(page: "Page", link: str, total: int) -> None:
    """No mouse at all: begin, window, zoom, pause, go on, back once, to the end."""
    page.goto(link)
    with page.expect_navigation():
        page.keyboard.press("Enter")
    for key in ("Shift+ArrowRight", "Shift+ArrowUp", "+", "s", "1", "2"):
        page.wait_for_selector(READY)
        page.keyboard.press(key)
    assert page.locator("input[name=answer-0]:checked").input_value() == "2"
    with page.expect_navigation():
        page.keyboard.press("p")
    assert "Paused" in page.inner_text("h1")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    answered(page, "2")
    page.wait_for_selector(READY)
    assert place(page) == 2
    with page.expect_navigation():
        page.keyboard.press("Backspace")
    page.wait_for_selector(READY)
    assert page.locator("input[name=answer-0]:checked").input_value() == "2"
    answered(page, "4")
    assert "Your change was stored" in page.inner_text("#notice")
    for _ in range(total - 1):
        answered(page, "3")
    assert "Thank you" in page.inner_text("h1")


def with_reloads_and_two_tabs(page: "Page", link: str, total: int) -> None:
    """Every trial stands in two tabs, is reloaded, and sent by a double click; the other tab sends it once more."""
    page.goto(link)
    page.click("text=Begin")
    tab = page.context.new_page()
    for n in range(total):
        page.wait_for_selector(READY)
        assert place(page) == n + 1
        if n == 1:
            page.reload()
            page.wait_for_selector(READY)
        tab.goto(page.url.partition("?")[0] + "?begin=1")
        tab.wait_for_selector(READY)
        page.locator("label.choice").nth(2).click()
        page.dblclick("#send", no_wait_after=True)
        page.wait_for_function(GONE, arg=n)
        page.wait_for_load_state()
        tab.locator("label.choice").nth(0).click()
        with tab.expect_navigation():
            tab.click("#send")
        if n + 1 < total:
            tab.wait_for_selector(READY)
            assert "answered before" in tab.inner_text("#notice")
    page.wait_for_selector("h1:has-text('Thank you')")
    page.go_back()
    page.goto(page.url.partition("/study")[0])
    assert "Thank you" in page.inner_text("h1")


def on_a_phone(page: "Page", link: str, first: int, last: int) -> None:
    """By touch, from one trial up to another; then a pause."""
    page.goto(link)
    if first == 1:
        page.tap("text=Begin")
    for n in range(first, last + 1):
        page.wait_for_selector(READY)
        assert place(page) == n
        page.locator("label.choice").nth(1).tap()
        page.tap("#send")
        page.wait_for_function(GONE, arg=n - 1)
    page.wait_for_load_state()
    if page.locator("#pause").count():
        page.tap("#pause button")
        page.wait_for_selector("h1:has-text('Paused')")
    else:
        page.wait_for_selector("h1:has-text('Thank you')")


def test_a_whole_study_by_three_readers_and_its_results(chromium: "Browser", tmp_path: Path) -> None:
    study = study_of(tmp_path, shape=SHAPE, training=0, repeats=0.2, methods=METHODS, subjects=PEOPLE)
    with serving(study) as office:
        (first, second, third), total = links(office, 3), len(protocol(study.design, 0))
        with machine(chromium, office.address) as page:
            by_keyboard(page, first, total)
        with machine(chromium, office.address) as page:
            with_reloads_and_two_tabs(page, second, total)
        with machine(chromium, office.address, **PHONE) as page:
            on_a_phone(page, third, 1, 3)
            page.screenshot(path=tmp_path / "phone-paused.png")
        with machine(chromium, office.address, **PHONE) as page:
            on_a_phone(page, third, 4, total)
            page.screenshot(path=tmp_path / "phone-done.png")
        counted = Counter((ballot.reader, ballot.trial, ballot.revision) for ballot in office.ballots.history())
        wanted = [(reader, trial, 0) for reader in range(3) for trial in range(total)]
        assert counted == dict.fromkeys([*wanted, (0, 0, 1)], 1)
        last = {(ballot.reader, ballot.trial): ballot for ballot in office.ballots.ballots()}
        assert {ballot.answer["overall quality"] for (reader, _), ballot in last.items() if reader} == {2, 3}
        windows = last[0, 0].log
        assert windows, "how the window was turned is kept"
        assert all(ballot.seconds > 0 for ballot in last.values())
        with machine(chromium, office.address) as page:
            organise(page, office, tmp_path)


def links(office: Office, count: int) -> list[str]:
    """Of readers who are invited now."""
    return [f"{office.address}/r/{office.ballots.invite(f'Dr {n}')[1]}" for n in range(count)]


def organise(page: "Page", office: Office, shots: Path) -> None:
    """Log in, see who is how far, unblind, look."""
    page.goto(f"{office.address}/organiser")
    page.wait_for_selector("#password:focus")  # what is typed before goes nowhere
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Dr 2")
    page.wait_for_load_state()
    assert page.locator("td:has-text('6 of 6')").count() == 3
    page.fill("#label", "Dr 3")
    page.click("button:has-text('Invite')")
    assert "/r/" in page.input_value("#link")
    page.screenshot(path=shots / "desk-readers.png", full_page=True)
    page.fill("#confirm", "unblind")
    page.click("button:has-text('Unblind')")
    page.wait_for_selector("caption:has-text('Mean scores')")
    page.wait_for_load_state()
    assert all(page.locator(f"th:has-text('{method}')").count() for method in METHODS)
    page.screenshot(path=shots / "desk-results.png", full_page=True)


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_volumes_are_drawn_turned_and_linked(size: dict[str, object], chromium: "Browser", tmp_path: Path) -> None:
    study = study_of(tmp_path, "forced-choice", showing=Showing("volume"), shape=SHAPE, training=0)
    with serving(study) as office, machine(chromium, office.address, **size) as page:
        page.goto(links(office, 1)[0])
        page.click("text=Begin")
        page.wait_for_selector(READY)
        panes = page.locator("canvas")
        assert panes.count() == 2
        page.screenshot(path=tmp_path / "volume.png")
        before = [panes.nth(n).screenshot() for n in range(2)]
        assert all(spread(panes.nth(n)) > 5 for n in range(2))
        page.keyboard.press("PageUp")
        turned = redrawn(panes, before)  # both scroll
        box = panes.nth(0).bounding_box()
        assert box
        middle = box["x"] + box["width"] / 4, box["y"] + box["height"] / 4
        page.mouse.move(*middle)
        page.mouse.down()
        page.mouse.move(middle[0], middle[1] + 60, steps=4)
        page.mouse.up()
        redrawn(panes, turned)  # a window for both
        page.screenshot(path=tmp_path / "volume-turned.png")
        page.keyboard.press("b")
        with page.expect_navigation():
            page.keyboard.press("Enter")
        (ballot,) = office.ballots.ballots()
        assert ballot.answer == {"overall quality": 1}
        assert ballot.log


def test_a_ranking_by_letters(chromium: "Browser", tmp_path: Path) -> None:
    study = study_of(tmp_path, "ranking", shape=SHAPE, training=0, catches=0)
    with serving(study) as office, machine(chromium, office.address) as page:
        page.goto(links(office, 1)[0])
        page.keyboard.press("Enter")
        page.wait_for_selector(READY)
        assert all(spread(page.locator("canvas").nth(n)) > 5 for n in range(3))
        for key in "cab":
            page.keyboard.press(key)
        page.screenshot(path=tmp_path / "ranking.png")
        with page.expect_navigation():
            page.keyboard.press("Enter")
        assert [ballot.answer for ballot in office.ballots.ballots()] == [{"overall quality": (2, 0, 1)}]


def test_a_picture_that_does_not_come_stops_the_answer(chromium: "Browser", tmp_path: Path) -> None:
    study = study_of(tmp_path, shape=SHAPE)
    with serving(study) as office:
        context = chromium.new_context(**DESK)
        context.set_default_timeout(1000 * PATIENCE)
        page = context.new_page()
        page.route("**/picture/*", lambda route: route.fulfill(status=404))
        page.goto(links(office, 1)[0])
        page.keyboard.press("Enter")
        page.wait_for_selector("#panes[data-ready=no]")
        assert "reload the page" in page.inner_text("#notice")
        page.keyboard.press("3")
        page.keyboard.press("Enter")
        assert page.is_disabled("#send")
        page.unroute("**/picture/*")
        page.reload()
        answered(page, "3")
        context.close()
        assert len(office.ballots.history()) == 1
