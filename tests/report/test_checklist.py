"""The CLAIM 2024 checklist: 44 items, filled by what the folder says and by nothing else."""

import math
import tomllib
from dataclasses import replace
from importlib import resources
from pathlib import Path

from finemri.report.answers import TOLD
from tests.report.made import MINE, Page, folder, page_of, rows

ITEMS = tomllib.loads(resources.files("finemri.report").joinpath("checklist.toml").read_text("utf-8"))["item"]


def answers(page: Page) -> dict[int, list[str]]:
    """Item -> the words of its row."""
    start = page.words.index("what the folder tells")
    found: dict[int, list[str]] = {}
    number = 1
    for words in page.words[start + 1 :]:
        if words == str(number):
            found[number] = []
            number += 1
        elif found:
            found[number - 1].append(words)
    return found


def test_the_items_are_44_in_order_and_each_answer_has_one() -> None:
    assert [item["number"] for item in ITEMS] == list(range(1, 45))
    assert sorted(item["told"] for item in ITEMS if "told" in item) == sorted(TOLD)
    assert all(item["text"] and item["section"] for item in ITEMS)


def test_what_no_file_tells_is_the_authors(tmp_path: Path) -> None:
    found = answers(page_of(folder(tmp_path, rows())))
    assert sorted(found) == list(range(1, 45))
    for number in (2, 3, 4, 5, 8, 13, 19, 20, 22, 25, 33, 34, 36, 40, 44):
        assert found[number][1:3] == ["author", "to be written by the author"], number
    assert found[29][1] == "filled"
    assert found[12][2].startswith("Numbers that are not finite: 0.")


def test_what_files_tell_is_filled(tmp_path: Path) -> None:
    some = rows()
    some[0] = replace(some[0], value=math.nan)
    header = {
        "kind": "Net",
        "recipe": "mine",
        "rounds": 70,
        "seed": 3,
        "finemri": "0.0.9",
        "people": [5],
        "licence": "MIT",
    }
    path = folder(tmp_path, some, people="validation of 0712", headers={MINE: header}, parameters={MINE: 12_345})
    found = answers(page_of(path))
    assert f"{MINE} (Net, mine)" in found[1][2]
    assert found[12][2].startswith("Numbers that are not finite: 1.")
    assert "validation of 0712" in found[19][2]
    assert found[20][1] == "filled"
    assert "12,345 parameters" in found[22][2]
    assert "0.0.9" in found[23][2]
    assert found[24][2] == f"{MINE}: drawn from seed 3."
    assert "70 rounds" in found[25][2]
    assert "held out" in found[32][2]
    assert "8 people, 8 scans" in found[35][2]
    assert "MIT" in found[43][2]


def test_people_of_the_training_are_no_internal_test(tmp_path: Path) -> None:
    found = answers(page_of(folder(tmp_path, rows(), people="train of 0712")))
    assert found[32][1] == "author"
