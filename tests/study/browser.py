"""A real browser, headless: Chromium as the machine has it, driven by Playwright."""

import io
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

ARGUMENTS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-sync "
    "--disable-component-update --use-gl=angle --use-angle=swiftshader --enable-unsafe-swiftshader"
)
CALM: dict[str, Any] = {"reduced_motion": "reduce"}
"""No colour is measured on its way to another."""
DESK: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}, **CALM}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, **CALM}
READY = "#panes[data-ready=yes]"
PATIENCE = 120
"""Seconds for whatever a page does, on a busy machine as well."""


def started() -> Iterator["Browser"]:
    """Chromium; skips where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no Chromium is installed; .ci/run installs it")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=found, args=ARGUMENTS.split())
        yield browser
        browser.close()


@contextmanager
def machine(browser: "Browser", address: str, **kind: Any) -> Iterator["Page"]:
    """A page of a browser that nobody used before; what its console complains of, and whom else it asks, fails."""
    context = browser.new_context(**(kind or DESK))
    context.set_default_timeout(1000 * PATIENCE)
    wrong: list[str] = []
    context.on("console", lambda told: wrong.append(told.text) if is_bad(told.type, told.text) else None)
    context.on("weberror", lambda told: wrong.append(str(told.error)))
    context.on("request", lambda asked: None if at_home(asked.url, address) else wrong.append(asked.url))
    try:
        yield context.new_page()
    finally:
        context.close()
    assert not wrong, "\n".join(wrong)


def is_bad(kind: str, text: str) -> bool:
    """Errors and warnings, but for the driver's that our screenshots are slow."""
    return kind in ("error", "warning") and "GL Driver Message" not in text


def at_home(url: str, address: str) -> bool:
    """Whether it is of this server, or of the page itself."""
    return url.startswith((f"{address}/", "data:", "blob:"))


def spread(drawn: "Locator") -> float:
    """Standard deviation of what is drawn there, in grey values of 255: a blank canvas has none."""
    from PIL import Image

    return float(np.asarray(Image.open(io.BytesIO(drawn.screenshot())).convert("L"), np.float64).std())


def redrawn(panes: "Locator", before: list[bytes]) -> list[bytes]:
    """What all panes show, once none shows what it showed before; a picture is drawn a moment after the key."""
    end = time.monotonic() + PATIENCE
    while True:
        now = [panes.nth(n).screenshot() for n in range(len(before))]
        if all(one != then for one, then in zip(now, before, strict=True)):
            return now
        assert time.monotonic() < end, "a picture stays as it was"


def answered(page: "Page", key: str) -> None:
    """One trial by keyboard, when it is there."""
    page.wait_for_selector(READY)
    page.wait_for_timeout(20)  # a look of under 5 ms would be kept as none
    page.keyboard.press(key)
    with page.expect_navigation():
        page.keyboard.press("Enter")


def place(page: "Page") -> int:
    """The trial that is shown, from 1."""
    return int(page.locator("header.bar progress + p").inner_text().split("·")[-1].split(" of ")[0])
