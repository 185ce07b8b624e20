"""What readers said: the section of a report that ``finemri study results`` fills."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from finemri.refusal import Refusal
from finemri.report.figures import Lane, dot_plot
from finemri.report.markup import cell, esc, heading, note, number, table

FILE = "study-results.json"
MEANS = ("method", "mean", "other people", "other readers", "both")
DIFFERENCES = (
    "method", "difference", "if both were others", "p (Holm)", "p (ranks)", "p (readers)", "better", "people × readers",
)  # fmt: skip
PREFERENCE = ("method", "strength", "95 % interval", "won", "of")
WITHIN = ("reader", "repeats", "answered alike", "weighted κ")
READING = """
Mean: over people of the mean over readers; its 95 % intervals: if other people were scanned, if others read, both.
p: Wilcoxon over people, adjusted by Holm over the methods held against one.
p (ranks): signed ranks of every reader; all readers of a person change sides together.
p (readers): a mixed model in which the readers were drawn too. The others speak of these readers alone.
Better: P(better) + P(same) / 2 over readers and people; ½ where nobody sees a difference.
α: Krippendorff's, ordinal. ICC: of single scores; consistency forgives readers who are stricter throughout.
Preference: log-odds against the mean method (Bradley and Terry), its interval over people.
ρ: Spearman's, of the mean opinion with a measure, over the methods of a person, averaged over people; 1 is agreement.
"""


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


def opinions_of(name: str, told: Mapping[str, Any], n: int) -> str:
    """The section of one study."""
    design, who = told["design"], told["readers"]
    left = f" Left out: {', '.join(who['left_out'])}." if who["left_out"] else ""
    parts = [
        heading(2, title_of_study(name, told), f"study-{n}"),
        note(
            f"A blinded reader study ({design['question']['kind']}): {len(told['by_reader'])} readers of "
            f"{who['invited']} invited, {who['finished']} finished; {len(design['cases'])} cases by "
            f"{len(design['methods'])} methods; hidden anchor: {design['anchor'] or 'none'}.{left}"
        ),
    ]
    for k, (criterion, found) in enumerate(told["criteria"].items()):
        parts += [heading(3, criterion), *_criterion(criterion, found, f"opinion-{n}-{k}")]
    parts += [heading(3, "Readers"), _readers(told)]
    if told.get("correlations"):
        parts += [heading(3, "Which measure do readers agree with?"), _correlations(told["correlations"])]
    reading = "".join(f"<li>{esc(line)}</li>" for line in READING.strip().splitlines())
    parts += [heading(3, "How to read them"), f"<ul>{reading}</ul>"]
    return f'<section aria-labelledby="study-{n}">{"".join(parts)}</section>'


def title_of_study(name: str, told: Mapping[str, Any]) -> str:
    """What readers saw as its title, and the folder."""
    title = str(told["design"]["title"])
    return title if name == "." else f"{name}: {title}"


def _criterion(name: str, found: Mapping[str, Any], figure: str) -> list[str]:
    return [
        table(f"Scores: {name}", MEANS, [(None, _means(found["means"]))]),
        dot_plot(figure, f"{name}: scores, a dot a person", "mean over readers", _lanes(found)),
        table(f"Differences: {name}", DIFFERENCES, _differences(found["differences"])),
        table(f"Preference: {name}", PREFERENCE, [(None, _preference(found["preference"]))])
        if found["preference"]
        else "",
        _agreement(found["between_readers"]) if found["between_readers"] else "",
        table(f"Readers with themselves: {name}", WITHIN, [(None, _within(found["within_readers"]))])
        if found["within_readers"]
        else "",
    ]


def _means(found: Mapping[str, Any]) -> list[list[str]]:
    return [
        [esc(method), _number(mean["mean"]), *(_interval(mean[kind]) for kind in ("people", "readers", "both"))]
        for method, mean in found.items()
    ]


def _lanes(found: Mapping[str, Any]) -> list[Lane]:
    """With the interval of the widest claim that is known."""
    lanes = []
    for method, mean in found["means"].items():
        ends = mean["both"] if mean["both"][0] is not None else mean["people"]
        low, high = (math.nan if end is None else end for end in ends)
        lanes.append(Lane(method, found["by_person"][method], mean["mean"], low, high))
    return lanes


def _preference(found: Mapping[str, Any]) -> list[list[str]]:
    return [
        [
            esc(method),
            _number(each["value"], "+"),
            _interval((each["low"], each["high"])),
            _plain(each["wins"]),
            _plain(each["comparisons"]),
        ]
        for method, each in sorted(found.items(), key=lambda named: -named[1]["value"])
    ]


def _agreement(found: Mapping[str, Any]) -> str:
    told = [f"Between readers, over {found['images']} images: α {_said(found['alpha_ordinal'])}"]
    told += [
        f"ICC ({kind}) {_said(each['value'])} [{_said(each['low'])}, {_said(each['high'])}]"
        for kind in ("agreement", "consistency")
        if (each := found.get(f"icc_{kind}"))
    ]
    return note("; ".join(told) + ".")


def _within(found: Mapping[str, Any]) -> list[list[str]]:
    return [
        [esc(reader), _plain(each["repeats"]), _number(each["alike"]), _number(each.get("kappa"))]
        for reader, each in found.items()
    ]


def _differences(found: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[list[str]]]]:
    bodies: dict[str, list[list[str]]] = {}
    for each in found:
        mean = each["mean"]
        row = [esc(each["method"]), _number(mean["mean"], "+"), _interval(mean["both"])]
        row += [_number(each[kind], digits=4) for kind in ("p_holm", "p_ranks", "p_readers")]
        row += [_number(each["superiority"]), cell(f"{each['people']} × {each['readers']}", kind="n")]
        bodies.setdefault(f"against {esc(each['other'])}", []).append(row)
    return list(bodies.items())


def _readers(told: Mapping[str, Any]) -> str:
    columns = ("reader", "trials", "catch trials failed", "median seconds a trial")
    rows = [
        [
            esc(reader),
            _plain(each["trials"]),
            cell(f"{each['catches_failed']} of {each['catches']}", kind="n"),
            _number(each["seconds"], digits=1),
        ]
        for reader, each in told["by_reader"].items()
    ]
    return table("Readers", columns, [(None, rows)])


def _correlations(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    bodies = [
        (
            esc(criterion),
            [
                [
                    f"{esc(each['measure'])}, {esc(each['mask'])} <small>{esc(each['degradation'])}</small>",
                    _number(each["rho"], "+"),
                    _interval((each["low"], each["high"])),
                    _plain(each["people"]),
                ]
                for each in listed
            ],
        )
        for criterion, listed in found.items()
    ]
    return table("Opinion and measures", ("measure", "ρ", "95 % interval", "people"), bodies)


def _number(value: float | None, sign: str = "", digits: int = 2) -> str:
    return cell("–" if value is None else number(value, digits, sign), kind="n")


def _plain(value: int) -> str:
    return cell(str(value), kind="n")


def _interval(ends: Sequence[float | None]) -> str:
    low, high = ends
    return cell("–" if low is None or high is None else f"{number(low, 2)} to {number(high, 2)}", kind="n")


def _said(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2f}".replace("-", "−")
