"""The project as a stranger finds it."""

import re
import tomllib
from pathlib import Path

import numpy as np
import pytest
from jaxtyping import TypeCheckError

import finemri
from finemri.volumes.volume import Volume

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def name_of(requirement: str) -> str:
    return re.split(r"[\[<>=!;, ]", requirement, maxsplit=1)[0].lower()


def test_version_is_the_changelogs_and_the_citations() -> None:
    released = re.findall(r"^## \[(\d+\.\d+\.\d+)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert released[0] == finemri.__version__
    assert f"\nversion: {finemri.__version__}\n" in (ROOT / "CITATION.cff").read_text()


def test_every_requirement_is_pinned_and_the_pin_is_one_version() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and line[0] != "#"]
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in lines)
    pins = {line.split("==")[0].lower().replace("_", "-") for line in lines}
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    wanted = {*PROJECT["dependencies"], *(r for extra in PROJECT["optional-dependencies"].values() for r in extra)}
    wanted |= {requirement for group in groups.values() for requirement in group if isinstance(requirement, str)}
    assert {name_of(requirement) for requirement in wanted} - {"finemri"} <= pins


def test_all_holds_every_other_extra() -> None:
    extras = PROJECT["optional-dependencies"]
    (everything,) = extras["all"]
    assert set(re.findall(r"\w+", everything)) - {"finemri"} == extras.keys() - {"all"}


VERBS = (
    *("enhance", "reconstruct", "pair", "rescan", "train", "sweep", "calibrate", "study"),
    *("evaluate", "report", "inspect", "recipes", "fetch", "demo"),
)


def test_every_verb_has_a_page_that_the_menu_shows() -> None:
    menu = (ROOT / "mkdocs.yml").read_text()
    for verb in VERBS:
        assert (ROOT / "docs" / f"{verb}.md").read_text().startswith(f"# {verb}\n")
        assert f"{verb}: {verb}.md" in menu


def test_no_file_loads_pickles_or_runs_text() -> None:
    forbidden = re.compile(
        r"\bpickle\.loads?\(|Unpickler|torch\.load\(|(?<![.\w])(?<!def )eval\(|(?<![.\w])exec\(|import_module\("
    )
    guilty = [path.name for path in (ROOT / "src").rglob("*.py") if forbidden.search(path.read_text())]
    assert guilty == []


def test_the_tests_check_annotated_shapes() -> None:
    with pytest.raises(TypeCheckError):
        Volume(np.zeros((2, 2, 2), dtype=np.float64), np.eye(4))
    with pytest.raises(TypeCheckError):
        Volume(np.zeros((2, 2, 2), dtype=np.float32), np.eye(3))
