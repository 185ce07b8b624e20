"""Failures first: who each method is worst at, whom it harms, and what that looks like."""

import math
from collections.abc import Sequence

from finemri.measures import better_of, title_of
from finemri.report.compared import Name
from finemri.report.found import Job
from finemri.report.markup import cell, esc, heading, note, number, table
from finemri.report.pictures import ERROR, LEAST, ZOOM, strip_of
from finemri.report.tables import Group
from finemri.report.words import digits_of

SAID_BY = ("psnr", "psnr_peak255", "ssim", "ssim-slices")
"""The first of these that was judged inside the head chooses whose pictures are shown."""
ORDINAL = {2: "half", 3: "third", 4: "quarter"}[ZOOM]


def failures_of(job: Job, groups: Sequence[Group], name: Name) -> str:
    """The worst people of every method, and pictures of them; then the median and the best."""
    chosen = [group for group in groups if group.is_main and _tells(group)]
    if not chosen:
        return note("No measure of which is known what is worse.")
    told = [_table(job, chosen, name)]
    by = next((g for m in SAID_BY for g in chosen if g.key[2:] == ("head", m)), chosen[0])
    if job.images is None:
        return told[0] + note("No pictures: evaluate was not asked to keep images (--save-images).")
    strips = {
        which: [part for method in by.cases if (part := _strip(job, by, method, which, name))]
        for which in ("worst", "median", "best")
    }
    if not any(strips.values()):
        return told[0] + note("No pictures: the images that were kept lie on other grids, or the truth was not kept.")
    told.append(note(
        f"Chosen by {by.title}. Of each person the slice where the method errs most. Black to white: 0 to the 99.8th "
        f"percentile of the person's true scan; errors: 0 to {ERROR:.0%} of that, the same for all methods and people. "
        f"Framed, and larger below: the square, a {ORDINAL} of the shorter side but at least {LEAST} pixels, in which "
        "the method errs most."
    ))  # fmt: skip
    for which, parts in strips.items():
        told += [heading(4, f"The {which} person of every method"), f'<div class="strips">{"".join(parts)}</div>']
    return "".join(told)


def _tells(group: Group) -> bool:
    """Whether it is a number that fails; the full field of labels counts too."""
    measure = group.key[3]
    return better_of(measure)[0] in ("higher", "lower") and (measure in SAID_BY or measure[:4] in ("dice", "sis-"))


def _table(job: Job, groups: Sequence[Group], name: Name) -> str:
    bodies = []
    for group in groups:
        digits, (better, _) = digits_of(group.key[3]), better_of(group.key[3])
        rows = []
        for method, cases in group.cases.items():
            worst = "; ".join(f"{esc(name(p))}: {number(cases.people[p], digits)}" for p in cases.worst)
            row = [esc(method), cell(worst)]
            finite = {p: g for p, g in cases.gains.items() if math.isfinite(g)}
            if finite:
                sign = 1 if better == "higher" else -1
                least = min(finite, key=lambda p: (sign * finite[p], p))
                harmed = sum(sign * gain < 0 for gain in finite.values())
                row += [
                    cell(f"{esc(name(least))}: {number(finite[least], digits, '+')}"),
                    cell(f"{harmed} of {len(finite)}", kind="n"),
                ]
            else:
                row += [cell("–"), cell("–", kind="n")]
            rows.append(row)
        bodies.append((f"{esc(group.title)}", rows))
    baseline = job.baseline or "nothing"
    columns = ("method", "worst people (5 %, at least one)", f"least gain over {baseline}", f"worse than {baseline}")
    return table("Where each method is at its worst", columns, bodies)


def _strip(job: Job, by: Group, method: str, which: str, name: Name) -> str:
    cases = by.cases[method]
    person = {"worst": cases.worst[0], "median": cases.median, "best": cases.best}[which]
    upright = "across axis" in next(row.contract.dimension for row in by.rows)
    assert job.images is not None
    strip = strip_of(job.images, person, method, job.baseline, upright=upright)
    if strip is None:
        return ""
    digits = digits_of(by.key[3])
    value = f"{title_of(by.key[3])} {number(cases.people[person], digits)}"
    gain = f", gain {number(cases.gains[person], digits, '+')}" if person in cases.gains else ""
    lost = f", {strip.lost} pixels are no numbers" if strip.lost else ""
    about = f"{esc(method)}, {esc(name(person))}: {value}{gain}; slice {strip.slice} of {strip.slices}{lost}"
    of = f"{which} person of {method}"
    whole = "".join(_picture(title, uri, strip.aspect, of, strip.frame) for title, uri in strip.pictures.items())
    near = "".join(_picture(f"{title}, zoomed", uri, strip.zoom_aspect, of) for title, uri in strip.zooms.items())
    return (
        f'<figure class="case"><div class="strip">{whole}</div><div class="strip">{near}</div>'
        f"<figcaption>{about}</figcaption></figure>"
    )


def _picture(title: str, uri: str, aspect: float, of: str, frame: tuple[float, ...] = ()) -> str:
    alt = esc(f"{title}, {of}")
    image = f'<img src="{uri}" alt="{alt}" style="aspect-ratio:{aspect:.4f}">'
    if frame:
        left, top, width, height = (f"{100 * share:.2f}%" for share in frame)
        image += f'<i style="left:{left};top:{top};width:{width};height:{height}"></i>'
        return f"<span><b>{image}</b><small>{esc(title)}</small></span>"
    return f"<span>{image}</span>"
