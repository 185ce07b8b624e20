"""Everybody can read: names of controls, contrast, focus that is seen, and no page wider than a phone."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import pytest

from finemri.study.question import Kind
from tests.study.browser import DESK, PHONE, READY, machine
from tests.study.web import PASSWORD, Office, chosen, serving, study_of

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NAMELESS = """() => {
  const shown = (each) => each.checkVisibility({ visibilityProperty: true }) && each.type !== "hidden";
  const named = (each) => [each.getAttribute("aria-label"), each.textContent,
    ...[...(each.labels ?? [])].map((label) => label.textContent)].some((text) => text?.trim());
  const all = document.querySelectorAll("a, button, input, select, summary, canvas, progress, [role=region]");
  return [...all].filter((each) => shown(each) && !named(each)).map((each) => each.outerHTML);
}"""
FAINT = """() => {
  const pen = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const over = (paint, ground) => {
    pen.fillStyle = `rgb(${ground})`; pen.fillRect(0, 0, 1, 1);
    pen.fillStyle = paint; pen.fillRect(0, 0, 1, 1);
    return [...pen.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const ground = (each) => {
    const behind = each.parentElement ? ground(each.parentElement) : [255, 255, 255];
    return over(getComputedStyle(each).backgroundColor, behind);
  };
  const light = (rgb) => {
    const [r, g, b] = rgb.map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const found = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const each = texts.currentNode.parentElement;
    const isRead = texts.currentNode.data.trim() && each.checkVisibility({ visibilityProperty: true });
    if (!isRead || each.closest("noscript, .unseen, :disabled")) continue;
    const style = getComputedStyle(each);
    const behind = ground(each);
    const [a, b] = [light(over(style.color, behind)), light(behind)].sort((x, y) => y - x);
    const size = parseFloat(style.fontSize);
    const isLarge = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < (isLarge ? 3 : 4.5)) found.push(`${ratio.toFixed(2)} ${each.outerHTML}`);
  }
  return found;
}"""
FOCUSED = """() => {
  const each = document.activeElement;
  const around = each.closest(".choice, .switch") ?? each;
  const seen = (style) => (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2) || style.boxShadow !== "none";
  const box = each.getBoundingClientRect();
  const told = `${each.tagName} ${each.id || each.name || each.ariaLabel || each.textContent.trim()} ${each.value ?? ""}`;
  return [`${told} ${each.closest("fieldset")?.dataset.name ?? ""}`, seen(getComputedStyle(each)) || seen(getComputedStyle(around)), box.top < innerHeight && box.bottom > 0];
}"""  # noqa: E501
SMALL = """() => [...document.querySelectorAll(".choice, .button")].filter((each) => each.checkVisibility())
  .map((each) => each.getBoundingClientRect()).filter((box) => box.width < 44 || box.height < 44)
  .map((box) => `${box.width} x ${box.height}`)"""


@pytest.fixture(params=get_args(Kind))
def office(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Office]:
    study = study_of(tmp_path, request.param, criteria=("overall quality", "edges"), shape=(40, 48, 36))
    with serving(study) as open_:
        yield open_


def judged(page: "Page", name: str, shots: Path) -> None:
    """What must hold on every page."""
    page.wait_for_load_state()
    page.screenshot(path=shots / f"{name}.png", full_page=True)
    assert page.evaluate("document.documentElement.lang") == "en"
    assert page.title()
    assert page.locator("h1").count() == 1
    assert page.evaluate(NAMELESS) == [], name
    assert page.evaluate(FAINT) == [], name
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name


def visited(page: "Page") -> list[str]:
    """What Tab comes by, once around; each must be seen to have the focus."""
    told: list[str] = []
    page.evaluate("document.body.focus()")
    for _ in range(80):
        page.keyboard.press("Tab")
        name, is_marked, is_in_view = page.evaluate(FOCUSED)
        if name.startswith("BODY"):  # beyond the last
            continue
        if name in told:
            break
        assert is_marked, name
        assert is_in_view, name
        told.append(name)
    return told


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_pages_of_readers(size: dict[str, object], office: Office, chromium: "Browser", tmp_path: Path) -> None:
    reader = office.reader()
    with machine(chromium, office.address, **size) as page:
        page.goto(f"{office.address}/r/{reader.token}")
        judged(page, "welcome", tmp_path)
        page.click("text=Begin")
        page.wait_for_selector(READY)
        judged(page, "trial", tmp_path)
        assert page.evaluate(SMALL) == []
        page.click("summary")
        judged(page, "keys", tmp_path)
        page.click("summary")
        if size is DESK:
            stops = visited(page)
            choices = page.locator(".choice").count()
            reached = sum(name.startswith(("INPUT answer-", "BUTTON A", "BUTTON B", "BUTTON C")) for name in stops)
            assert reached == (choices if office.study.design.question.kind == "ranking" else 2), "a group is one stop"
            assert sum(name.startswith("CANVAS") for name in stops) >= 1
        page.click("#pause button")
        page.wait_for_selector("h1:has-text('Paused')")
        judged(page, "paused", tmp_path)
        reader.read(chosen, criteria=2)
        page.click("text=Go on")
        page.wait_for_selector("h1:has-text('Thank you')")
        judged(page, "done", tmp_path)


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_pages_of_the_organiser(size: dict[str, object], office: Office, chromium: "Browser", tmp_path: Path) -> None:
    for name in ("Dr A with a name that is rather long", "Dr B"):
        office.reader(name).read(chosen, criteria=2)
    office.ballots.revoke(2)
    with machine(chromium, office.address, **size) as page:
        page.goto(f"{office.address}/organiser")
        judged(page, "login", tmp_path)
        page.fill("#password", PASSWORD)
        page.press("#password", "Enter")
        page.wait_for_selector("text=Dr B")
        judged(page, "readers", tmp_path)
        visited(page)
        page.fill("#label", "Dr C")
        page.press("#label", "Enter")
        page.wait_for_selector("#link")
        judged(page, "link", tmp_path)
        page.fill("#confirm", "unblind")
        page.press("#confirm", "Enter")
        page.wait_for_selector("caption:has-text('Mean scores')")
        judged(page, "results", tmp_path)
    assert office.ballots.unblinded_at is not None
