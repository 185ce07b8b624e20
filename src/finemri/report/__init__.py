"""The verb report: tidy CSVs and saved images -> one HTML page that needs nothing else, neither network nor models."""

from collections.abc import Sequence
from pathlib import Path

from finemri.landing import check_landing
from finemri.measures.effects import ALPHA, check_enough
from finemri.measures.tidy import write_text
from finemri.refusal import Refusal
from finemri.report.claimed import Docket
from finemri.report.claims import read_claims
from finemri.report.files import check_files, folder_of, write_files
from finemri.report.found import find_jobs
from finemri.report.opinions import find_opinions
from finemri.report.page import GENERATOR, page_of
from finemri.report.verdicts import judge

__all__ = ["report"]


def report(
    folder: Path,
    output: Path | None = None,
    *,
    baseline: str | None = None,
    level: float = ALPHA,
    weights: Sequence[Path] = (),
    claims: Path | None = None,
    names: bool = False,
    figures: bool = False,
    force: bool = False,
) -> Path:
    """Every measures.csv and study's results in ``folder`` and below -> ``output``, by default folder/report.html.

    ``baseline``: what gains are over; by default spline or zero-filled, whichever was judged. ``level``: of the tests.
    ``weights``: files of methods whose headers tell which differ in their seed alone. ``claims``: a file of what a
    paper says, whose verdicts go on top. ``names``: people by the names of the CSV, instead of by numbers.
    ``figures``: also every figure as SVG and PNG and every table as CSV and LaTeX, in a folder beside the page
    (report-files beside report.html). The same folder gives the same page and files, byte for byte. What finemri made
    is replaced. Returns the page's path. Raises Refusal where there is nothing to report, nobody judged the baseline,
    rows are of single slices, a claim is of what was not judged, or something else stands in the page's place, unless
    ``force``.
    """
    check_enough(10_000, level)
    jobs, studies = find_jobs(folder, baseline, weights), find_opinions(folder)
    if not (jobs or studies):
        raise Refusal(f"There are no numbers in {folder} or below it; run finemri evaluate --into it first.")
    if baseline is not None and all(job.baseline is None for job in jobs):
        raise Refusal(f"Nobody was judged by {baseline}, so nothing can be over it; choose another baseline.")
    path = output or folder / "report.html"
    check_landing(path, force=force or _is_ours(path))
    if figures:
        check_files(folder_of(path), force=force)
    docket = Docket(found := read_claims(claims), judge(found.claims, jobs, level)) if claims else None
    page = page_of(jobs, level, names=names, docket=docket, studies=studies)
    write_text(path, page)
    if figures:
        write_files(page, folder_of(path))
    return path


def _is_ours(path: Path) -> bool:
    """Whether a file is a page of an earlier run."""
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        return GENERATOR.encode() in stream.read(2000)
