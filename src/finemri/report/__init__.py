"""The verb report: tidy CSVs and saved images -> one HTML page that needs nothing else, neither network nor models."""

from collections.abc import Sequence
from pathlib import Path

from finemri.landing import check_landing
from finemri.measures.effects import ALPHA, check_enough
from finemri.measures.tidy import write_text
from finemri.refusal import Refusal
from finemri.report.found import find_jobs
from finemri.report.page import GENERATOR, page_of

__all__ = ["report"]


def report(
    folder: Path,
    output: Path | None = None,
    *,
    baseline: str | None = None,
    level: float = ALPHA,
    weights: Sequence[Path] = (),
    names: bool = False,
    force: bool = False,
) -> Path:
    """Every measures.csv in ``folder`` and below -> ``output``, by default folder/report.html. Returns its path.

    ``baseline``: what gains are over; by default spline or zero-filled, whichever was judged. ``level``: of the tests.
    ``weights``: files of methods whose headers tell which differ in their seed alone. ``names``: people by the names of
    the CSV, instead of by numbers. The same folder gives the same page, byte for byte. A page that finemri made is
    replaced. Raises Refusal where there is nothing to report, nobody judged the baseline, rows are of single slices,
    or something else stands in the page's place, unless ``force``.
    """
    check_enough(10_000, level)
    jobs = find_jobs(folder, baseline, weights)
    if baseline is not None and all(job.baseline is None for job in jobs):
        raise Refusal(f"Nobody was judged by {baseline}, so nothing can be over it; choose another baseline.")
    path = output or folder / "report.html"
    check_landing(path, force=force or _is_ours(path))
    write_text(path, page_of(jobs, level, names=names))
    return path


def _is_ours(path: Path) -> bool:
    """Whether a file is a page of an earlier run."""
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        return GENERATOR.encode() in stream.read(2000)
