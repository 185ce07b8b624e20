"""What browsers get beside the pictures: it runs under the strict policy, offline, and can be read in the dark."""

import hashlib
import re
from importlib import resources
from importlib.resources.abc import Traversable

import pytest

WEB = resources.files("finemri.study.web")
OWN = [
    entry
    for folder in ("templates", "static")
    for entry in WEB.joinpath(folder).iterdir()
    if not entry.name.startswith("niivue")
]
NIIVUE = "d6c2be4feb1ad53b2ac76b4196da8d8fd2263b662b511c55ca0fd127eb6a6532"
"""Of dist/index.js in the npm package @niivue/niivue 0.69.0."""


def test_niivue_is_the_released_file_with_its_licence() -> None:
    static = WEB.joinpath("static")
    assert hashlib.sha256(static.joinpath("niivue.js").read_bytes()).hexdigest() == NIIVUE
    licence = static.joinpath("niivue.LICENSE.txt").read_text(encoding="utf-8")
    assert "BSD 2-Clause License" in licence
    assert "0.69.0" in licence


def test_niivue_imports_nothing_from_elsewhere() -> None:
    code = WEB.joinpath("static", "niivue.js").read_text(encoding="utf-8")
    assert not re.search(r"^import\b.*from", code, re.MULTILINE)


@pytest.mark.parametrize("file", OWN, ids=lambda file: file.name)
def test_nothing_is_fetched_from_elsewhere_and_nothing_is_inline(file: Traversable) -> None:
    text = file.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?://|//cdn|@import|url\(", text)
    if file.name.endswith(".html"):
        assert not re.search(r"\sstyle=|<style|\son[a-z]+=", text)
        assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text))


def test_every_file_that_a_page_or_module_names_is_there() -> None:
    there = {entry.name for entry in WEB.joinpath("static").iterdir()}
    text = "".join(entry.read_text(encoding="utf-8") for entry in OWN)
    named = {*re.findall(r"/static/([\w.-]+)", text), *re.findall(r'"\./([\w.-]+)"', text)}
    assert {"reader.js", "viewer-slice.js", "viewer-volume.js", "niivue.js"} <= named <= there


def test_every_button_of_the_viewer_does_something() -> None:
    page, code = (
        WEB.joinpath(*path).read_text(encoding="utf-8")
        for path in (("templates", "trial.html"), ("static", "reader.js"))
    )
    assert all(f"    {name}: (" in code for name in re.findall(r'data-do="(\w+)"', page))


@pytest.mark.parametrize("room", [":root", ".desk"])
def test_text_and_edges_have_contrast(room: str) -> None:
    css = WEB.joinpath("static", "study.css").read_text(encoding="utf-8")
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", css[css.index(":root {") :].split("}")[0]))
    if room == ".desk":
        colours |= dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", css[css.index(".desk {") :].split("}")[0]))
    for under in ("ground", "raised"):
        assert min(contrast(colours[name], colours[under]) for name in ("ink", "faint", "accent", "bad")) >= 4.5
        assert min(contrast(colours[name], colours[under]) for name in ("edge", "focus")) >= 3
    assert contrast(colours["ink"], colours["chosen"]) >= 4.5


def contrast(one: str, other: str) -> float:
    """WCAG 2.2: (L₁ + 0.05) / (L₂ + 0.05), lighter over darker."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
