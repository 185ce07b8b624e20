"""What readers said: the section of a report that ``finemri study results`` fills."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from finemri.measures.effects import ALPHA, check_enough
from finemri.refusal import Refusal
from finemri.report.figures import Lane, dot_plot
from finemri.report.markup import esc, heading, note, table
from finemri.report.opinion_tables import (
    DIFFERENCES,
    MEANS,
    PREFERENCE,
    WITHIN,
    agreement_of,
    correlations_of,
    differences_of,
    means_of,
    preference_of,
    readers_of,
    within_of,
)

FILE = "study-results.json"
READING = """
Mean: over people of the mean over readers; slices of one person are averaged first.
Intervals (95 %, bootstrap): if other people were scanned, if others read, and if both were others.
A claim about methods takes the last one. Of three or four readers a bootstrap is too narrow.
p (Holm): Wilcoxon's signed-rank test over people, two-sided, adjusted for the methods held against one.
p (all pairs): the same test, adjusted for every two methods. It counts unless that one was chosen before you looked.
p (ranks): signed ranks of every reader; all readers of a person change sides together. Not adjusted.
p (readers): a mixed model in which the readers were drawn too. Not adjusted. Other tests speak of these readers alone.
It takes readers and people without gaps, and is not there where nobody differs. No p is adjusted over criteria.
Superiority: P(better) + P(same) / 2 over readers and people; ½ where nobody sees a difference.
α: Krippendorff's, ordinal. ICC: two-way, of single scores: agreement is ICC(2,1), consistency ICC(3,1).
Consistency forgives readers who are stricter throughout. Both intervals take images of one person for independent.
Weighted κ: Cohen's, with quadratic weights, of a reader's first and second judgement.
Preference: log-odds against the mean method (Bradley and Terry), its interval over people. Equal scores are left out.
Where some methods never lost to the others, only a weak prior keeps strengths finite, and there is no interval.
ρ: Spearman's, of the mean opinion with a measure, over the methods of a person, averaged over people; 1 is agreement.
Nothing is adjusted over measures, so the first in the table is first partly by chance.
"""
AXES = {
    "opinion": "mean opinion score, over readers",
    "forced-choice": "share of choices won, over readers",
    "ranking": "places above the last, mean over readers",
}


def find_opinions(folder: Path) -> dict[str, Mapping[str, Any]]:
    """Folder, seen from the one that was asked for -> results of a study. Raises Refusal for a file that is none."""
    found = {}
    for path in sorted(folder.rglob(FILE)):
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
            if not (isinstance(told["criteria"], dict) and isinstance(told["by_reader"], dict) and told["design"]):
                raise TypeError
        except (OSError, ValueError, KeyError, TypeError):
            raise Refusal(f"{path} is not what finemri study results wrote; write it again, or remove it.") from None
        found[path.parent.relative_to(folder).as_posix()] = told
    return found


def opinions_of(name: str, told: Mapping[str, Any], n: int, level: float = ALPHA) -> str:
    """The section of one study. Raises Refusal for results that are torn, or of another version."""
    try:
        parts = _parts(name, told, n, level)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise Refusal(
            f"{name}/{FILE} is not what this finemri study results writes; write it again, or remove it."
        ) from None
    return f'<section aria-labelledby="study-{n}">{"".join(parts)}</section>'


def _parts(name: str, told: Mapping[str, Any], n: int, level: float) -> list[str]:
    design, who = told["design"], told["readers"]
    left = f" Left out: {', '.join(who['left_out'])}." if who["left_out"] else ""
    people = max((len(each) for found in told["criteria"].values() for each in found["by_person"].values()), default=0)
    parts = [
        heading(2, title_of_study(name, told), f"study-{n}"),
        note(
            f"A blinded reader study ({design['question']['kind']}): {len(told['by_reader'])} readers of "
            f"{who['invited']} invited, {who['finished']} finished; {len(design['cases'])} cases by "
            f"{len(design['methods'])} methods; people judged: {people}; "
            f"hidden anchor: {design['anchor'] or 'none'}.{left}"
        ),
    ]
    for k, (criterion, found) in enumerate(told["criteria"].items()):
        parts += [heading(3, criterion), *_criterion(criterion, found, design, f"opinion-{n}-{k}", level)]
    parts += [heading(3, "Readers"), readers_of(told)]
    if told.get("correlations"):
        parts += [heading(3, "Which measure do readers agree with?"), correlations_of(told["correlations"])]
    reading = "".join(f"<li>{esc(line)}</li>" for line in READING.strip().splitlines())
    return [*parts, heading(3, "How to read them"), f"<ul>{reading}</ul>"]


def title_of_study(name: str, told: Mapping[str, Any]) -> str:
    """What readers saw as its title, and the folder."""
    title = str(told["design"]["title"])
    return title if name == "." else f"{name}: {title}"


def _criterion(name: str, found: Mapping[str, Any], design: Mapping[str, Any], figure: str, level: float) -> list[str]:
    question = design["question"]
    ends = {
        "opinion": (1.0, float(question["scores"])),
        "forced-choice": (0.0, 1.0),
        "ranking": (0.0, len(design["methods"]) - 1.0),
    }[question["kind"]]
    doubt = _doubt(found["differences"], level)
    return [
        table(f"Scores: {name}", MEANS, [(None, means_of(found["means"]))]),
        dot_plot(figure, f"{name}: scores, a dot a person", AXES[question["kind"]], _lanes(found), ends=ends),
        table(f"Differences: {name}", DIFFERENCES, differences_of(found["differences"], tested=not doubt))
        if found["differences"]
        else "",
        note(doubt, kind="doubt") if doubt else "",
        table(f"Preference: {name}", PREFERENCE, [(None, preference_of(found["preference"]))])
        if found["preference"]
        else note(f"No preference: {found['no_preference']}"),
        agreement_of(found["between_readers"]) if found["between_readers"] else "",
        table(f"Readers with themselves: {name}", WITHIN, [(None, within_of(found["within_readers"]))])
        if found["within_readers"]
        else "",
    ]


def _doubt(differences: Sequence[Mapping[str, Any]], level: float) -> str:
    """Why no test over people is made, if none is."""
    try:
        for other in {each["other"] for each in differences}:
            own = [each["people"] for each in differences if each["other"] == other]
            check_enough(max(own), level, len(own))
    except Refusal as refusal:
        return str(refusal)
    return ""


def _lanes(found: Mapping[str, Any]) -> list[Lane]:
    """With the interval of the widest claim that is known."""
    lanes = []
    for method, mean in found["means"].items():
        ends = mean["both"] if mean["both"][0] is not None else mean["people"]
        low, high = (math.nan if end is None else end for end in ends)
        lanes.append(Lane(method, found["by_person"][method], mean["mean"], low, high))
    return lanes
