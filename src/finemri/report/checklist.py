"""CLAIM 2024, filled where the data can say so and marked where the author must (Tejani et al., 2024).

The items are data, in checklist.toml; what fills them is in answers.py.
"""

import tomllib
from collections.abc import Sequence
from importlib import resources

from finemri.report.answers import TOLD, Asked
from finemri.report.found import Job
from finemri.report.markup import cell, esc, heading, note, table

SOURCE = (
    "Tejani AS, Klontzas ME, Gatti AA, et al. Checklist for Artificial Intelligence in Medical Imaging (CLAIM): 2024 "
    "Update. Radiology: Artificial Intelligence 2024;6(4):e240300, doi:10.1148/ryai.240300."
)


def checklist_of(jobs: Sequence[Job], level: float) -> str:
    """The section: every item, what the folder tells of it, and what is left to the author."""
    items = tomllib.loads(resources.files("finemri.report").joinpath("checklist.toml").read_text("utf-8"))["item"]
    bodies: dict[str, list[list[str]]] = {}
    counts = {"filled": 0, "in part": 0, "author": 0}
    for item in items:
        answer = TOLD[item["told"]](Asked(jobs, level)) if "told" in item else None
        state = "author" if answer is None else "filled" if answer.whole else "in part"
        counts[state] += 1
        shown = cell(esc(answer.text)) if answer else cell("to be written by the author", kind="todo")
        row = [str(item["number"]), cell(esc(item["text"])), cell(state, kind="" if answer else "todo"), shown]
        bodies.setdefault(item["section"], []).append(row)
    about = (
        f"{counts['filled']} of {len(items)} items are filled from the files of this folder, {counts['in part']} in "
        f"part, and {counts['author']} are the author's: they stand in no file. Where one is filled in part, the "
        f"author completes it. Items after {SOURCE}"
    )
    columns = ("item", "of CLAIM 2024", "who tells", "what the folder tells")
    grouped = [(esc(section), rows) for section, rows in bodies.items()]
    return heading(2, "CLAIM 2024 checklist", "claim-2024") + note(about) + table("CLAIM 2024", columns, grouped)
