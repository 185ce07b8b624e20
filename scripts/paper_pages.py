"""The papers' pages: what their exams measured, gathered from the run folders; docs/papers/00X.html made of it, and the
table of verdicts in docs/papers/00X.md.

    python scripts/paper_pages.py                  # the pages again, from docs/papers/data and docs/papers/claims
    python scripts/paper_pages.py --runs runs      # gather first what paper_000.py … paper_004.py left there

What is gathered is a part of each exam, which EXAMS names: the measures that the paper reports, by one mask. Methods
are called by the run that trained them instead of by the digest of their weights, which stays in settings.json; nothing
else is changed. Everything that was measured stays in the run folders, and is made again by the scripts.
"""

import argparse
import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from finemri.measures.effects import ALPHA
from finemri.measures.tidy import read_rows, write_rows, write_text
from finemri.report import report
from finemri.report.claims import read_claims
from finemri.report.found import find_jobs
from finemri.report.verdicts import Ruling, judge

MARKS = ("<!-- verdicts: scripts/paper_pages.py -->", "<!-- end -->")
PAPERS = Path(__file__).resolve().parents[1] / "docs" / "papers"


@dataclass(frozen=True)
class Part:
    """Of one exam, what the page is made of."""

    folder: str
    """Of the run."""
    measures: tuple[str, ...]
    mask: str
    conventions: tuple[str, ...] = ()
    """Of conventions.csv."""


HIPPOCAMPUS = [f"hippocampus-{kind}-x{scale}" for scale in (2, 4) for kind in ("blur", "kspace")]
HEAD = ["head-blur-x2", "head-blur-x4"]
EXAMS: Mapping[str, tuple[Part, ...]] = {
    "000": (Part("exam-3", ("snr", "ssim-slices"), "full"),),
    "001": (Part("exam", ("mse", "psnr"), "head"),),
    "002": (
        *(Part(name, ("psnr", "ssim"), "head", ("checkerboard",)) for name in HIPPOCAMPUS),
        *(Part(name, ("psnr", "ssim"), "head") for name in HEAD),
    ),
    "003": (
        Part("exam", ("psnr", "ssim-slices"), "head"),
        Part("more", ("seam-energy",), "full"),
        Part("more", ("brightness",), "head"),
    ),
    "004": (Part("exam", ("psnr", "dice-1"), "full"),),
}


def main() -> None:
    """Gather, if asked; then make."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, help="the folder that holds paper-000 … paper-004")
    parser.add_argument("--into", type=Path, default=PAPERS, help="the folder that holds claims, and data")
    parser.add_argument("--only", nargs="+", choices=EXAMS, default=[*EXAMS])
    given = parser.parse_args()
    for paper in given.only:
        data = given.into / "data" / paper
        if given.runs:
            gather(given.runs / f"paper-{paper}", data, EXAMS[paper])
        claims = given.into / "claims" / f"{paper}.toml"
        print(report(data, given.into / f"{paper}.html", claims=claims))
        page = given.into / f"{paper}.md"
        write_text(page, with_verdicts(page.read_text(encoding="utf-8"), verdicts(claims, data)))


def with_verdicts(text: str, lines: Sequence[str]) -> str:
    """The page's Markdown with these lines between its marks."""
    before, start, rest = text.partition(MARKS[0])
    _, end, after = rest.partition(MARKS[1])
    if not (start and end):
        raise SystemExit(f"The page has no place for verdicts: {MARKS[0]} and {MARKS[1]}.")
    return "\n".join([before + start, "", *lines, "", end + after])


def verdicts(claims: Path, data: Path) -> list[str]:
    """A row a claim: what became of it, and the evidence."""
    rulings = judge(read_claims(claims).claims, find_jobs(data), ALPHA)
    lines = ["| the paper, or a control | here | A − B [95 % interval], people, p (Holm) |", "|---|---|---|"]
    for ruling in rulings:
        why = f": {ruling.why}" if ruling.why else ""
        lines.append(f"| {ruling.claim.text} | *{ruling.verdict}*{why} | {evidence(ruling)} |")
    return lines


def evidence(ruling: Ruling) -> str:
    """Three digits of each number, with a true minus."""
    if not ruling.people:
        return "–"
    least, most = ruling.claim.holds
    told = [f"{ruling.mean:+.3g}" + ("" if math.isnan(ruling.low) else f" [{ruling.low:.3g}, {ruling.high:.3g}]")]
    told.append(f"{sum(least < value < most for value in ruling.people.values())} of {len(ruling.people)}")
    told += [] if math.isnan(ruling.p_holm) else [f"{ruling.p_holm:.2g}"]
    if len(ruling.by_seed) > 1:
        told.append(f"by seed {min(ruling.by_seed):+.3g} to {max(ruling.by_seed):+.3g}")
    return ", ".join(told).replace("-", "−").replace("e−0", "e−")


def gather(run: Path, data: Path, parts: tuple[Part, ...]) -> None:
    """The parts of a run's exams, methods by the names of their runs."""
    names = dict(trained(run))
    for folder in dict.fromkeys(part.folder for part in parts):
        own = [part for part in parts if part.folder == folder]
        about = run / folder / "settings.json"
        settings = json.loads(about.read_text(encoding="utf-8")) if about.is_file() else {}
        called = {label: names.get(digest, label) for label, digest in settings.get("methods", {}).items()}
        into = data / folder
        into.mkdir(parents=True, exist_ok=True)
        kinds = {
            "measures.csv": {(measure, part.mask) for part in own for measure in part.measures},
            "conventions.csv": {(f"finemri:{measure}", "full") for part in own for measure in part.conventions},
        }
        for table, wanted in kinds.items():
            if wanted:
                chosen = [r for r in read_rows(run / folder / table) if (r.measure, r.contract.mask) in wanted]
                write_rows(into / table, [replace(row, method=called.get(row.method, row.method)) for row in chosen])
        if settings:
            settings["methods"] = {called[label]: digest for label, digest in settings["methods"].items()}
            kept = {key: settings[key] for key in settings if key != "headers"}  # which tell paths of this machine
            write_text(into / "settings.json", json.dumps(kept, indent=2, sort_keys=True, ensure_ascii=False) + "\n")


def trained(run: Path) -> Iterator[tuple[str, str]]:
    """Digest of weights -> the run's name, its seed last: field-gan-7-seed0, wgan-6-seed2."""
    for path in sorted(run.rglob("*.safetensors")):
        if "checkpoints" not in path.parts:
            name = re.sub(r"-(?:seed)?(\d+)$", r"-seed\1", path.parent.name)
            yield hashlib.sha256(path.read_bytes()).hexdigest(), name


if __name__ == "__main__":
    main()
