"""The verb enhance: a coarse scan, or a folder of many, becomes a fine one."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from finemri.cohorts.layouts import find_cohort
from finemri.enhance.calibrating import find_calibration
from finemri.enhance.choosing import by_thickness, choose_method, chosen_name, refuse_beside_thin, restores
from finemri.enhance.cohort import Asked, enhance_many
from finemri.enhance.maps import Kind, Maps, operators
from finemri.enhance.one import Job, Reporter
from finemri.enhance.thin import UNTOLD, Thin
from finemri.enhance.thin_cohort import AskedThin
from finemri.enhance.thinners import SELF, find_thinner
from finemri.refusal import Refusal
from finemri.shelf import Method, find_method
from finemri.spread import ALONE, Crew
from finemri.trained import default_weights
from finemri.volumes.files import check_output

__all__ = ["Crew", "Thin", "choose_method", "enhance", "find_jobs"]


def enhance(
    source: Path,
    output: Path,
    *,
    scale: int | None = None,
    weights: str | None = None,
    style: str = "faithful",
    method: str | None = None,
    isotropic: bool = False,
    thin: Thin = UNTOLD,
    memory: int | None = 4 * 2**30,
    device: str = "auto",
    series: str | None = None,
    crop: bool = False,
    maps: bool = False,
    degradation: Kind | None = None,
    rivals: Sequence[str] = (),
    calibration: Path | None = None,
    force: bool = False,
    progress: bool = True,
    crew: Crew = ALONE,
) -> None:
    """Make a NIfTI file, a DICOM series, or every scan of a folder finer, and say beside each result how it was made.

    Either every axis becomes ``scale`` times finer, or thick slices become thin ones: with ``isotropic`` or a spacing
    in ``thin``, with a ``method`` or ``weights`` that do that, and where nothing at all is asked for of scans whose
    headers tell of thick slices. ``weights`` is a shipped name or a weights file, ``method`` any name on the shelf;
    without either, what ships for ``style`` and ``scale`` (2 unless told) or for thick slices is used. ``memory`` is
    the budget of the whole process in bytes. With ``crop`` the method sees the box around all tissue alone; the air
    around it is interpolated. Of a folder of many, the results go into the folder ``output`` under the same names, and
    a scan that fails does not stop the others: ``crew`` shares them, and run again it goes on with those that are
    missing. ``maps`` writes beside each result how far it is to be trusted (finemri.enhance.maps), for a scan that
    became coarse by ``degradation`` (as the weights learnt unless told), and against weights of other seeds,
    ``rivals``, if any. ``calibration`` tells which scans are strange to these weights, by default what ships beside
    them (finemri.enhance.calibrating).

    A scan that is coarser than the grid that weights of pairs learnt on is first laid onto that grid. Raises Refusal:
    before anything is computed, for whatever can be known by then; at the end, with the list of the scans that failed.
    """
    # Every tile is fresh memory, and in huge pages that costs a sixth less time. PyTorch looks at its first tensor.
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    source, output = Path(source), Path(output)
    jobs = find_jobs(source, output, series)
    sources = [source] if jobs is None else [job.source for job in jobs]
    if makes_thin(sources, series, scale, weights or method, asked=isotropic or thin.spacing is not None, style=style):
        refuse_beside_thin(
            scale=scale, crop=crop, degradation=degradation, rivals=rivals or None, calibration=calibration
        )
        name = chosen_name(weights, method, style) or f"anyspacing-{style}"
        if name != SELF and thin.rounds != UNTOLD.rounds:
            raise Refusal(f"Rounds are of --method {SELF}, and {name} does not learn; leave --rounds out.")
        thinner = find_thinner(name, thin, device)
        order = AskedThin(name, thinner.digest, thin, maps, device, memory).order(thinner)
    else:
        if replace(thin, cache=None) != UNTOLD:
            raise Refusal("Thickness, profile and the like are of thick slices; say --isotropic, or leave them out.")
        chosen = choose_method(scale=scale, weights=weights, style=style, method=method, device=device)
        drawn = _asked(chosen, maps=maps, degradation=degradation, rivals=rivals, device=device)
        find_calibration(chosen, calibration)
        name = weights or method or default_weights(scale or 2, style)
        same = Asked.of(name, chosen, rivals, drawn, calibration, device=device, memory=memory, crop=crop)
        order = same.order(chosen, drawn)
    if jobs is not None:
        enhance_many(jobs, output, order, crew, force=force, progress=progress)
        return
    if not (crew.is_open or crew.is_alone):
        raise Refusal("One scan is nothing to share; leave --workers and --scheduler out, or give a folder of many.")
    check_output(output, force=force)
    with _bar(order.unit, shown=progress) as report:
        order.one(Job(source, output), series=series, force=force, report=report)


def makes_thin(
    sources: Sequence[Path], series: str | None, scale: int | None, name: str | None, *, asked: bool, style: str
) -> bool:
    """Whether thick slices become thin ones: where that is asked for, by what is named, or by the scans' headers.

    Raises Refusal where some scans have thick slices and others have not, and nobody chose.
    """
    if asked or (name is not None and restores(name)):
        return True
    if name is not None or scale is not None:
        return False
    thick, others = by_thickness(sources, series)
    if thick and others:
        raise Refusal(
            f"{len(thick)} of {len(sources)} scans here have thick slices, {thick[0].name} for one, others not; "
            "choose for all by --isotropic or --scale, or give a folder of each kind."
        )
    if thick:
        print(
            f"finemri: thick slices, so they are made isotropic by anyspacing-{style} (--scale 2: all axes alike).",
            file=sys.stderr,
        )
    return bool(thick)


def find_jobs(source: Path, output: Path, series: str | None = None) -> list[Job] | None:
    """The scans of a folder of many, and for each its place in ``output``; None where ``source`` is a single scan."""
    if not source.is_dir() or series is not None:
        return None
    scans = [image for subject in find_cohort(source).subjects for image in subject.images]
    if scans == [source] or (len(scans) == 1 and scans[0].is_dir()):  # one DICOM series, maybe some folders down
        return None
    if not scans:
        raise Refusal(f"{source} holds label maps only, or pairs to learn from; give a folder with images.")
    if output.suffix in (".nii", ".gz") or output.is_file():
        raise Refusal(
            f"{source} is a folder of many ({len(scans)} found), so the output is one as well: "
            "name a folder, or one of the scans as the source."
        )
    return [
        Job(scan, output / (scan.relative_to(source) if scan.is_relative_to(source) else scan.name)) for scan in scans
    ]


def _asked(method: Method, *, maps: bool, degradation: Kind | None, rivals: Sequence[str], device: str) -> Maps | None:
    """Raises Refusal for what goes with maps alone, and for rivals of another scale."""
    if not maps:
        if degradation is not None or rivals:
            raise Refusal("A degradation and rivals are for maps of trust; pass --maps, or leave them out.")
        return None
    operators(method, degradation)
    scale = method.enhancer.scale[0]
    return Maps(degradation, tuple(find_method(name, scale, device) for name in rivals))


@contextmanager
def _bar(unit: str, *, shown: bool) -> Iterator[Reporter]:
    """A progress bar, on the error channel where it mixes with nothing that is piped on, from the first report."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn(unit)
    times = TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn()
    progress = Progress(*columns, *times, console=Console(stderr=True), disable=not shown)
    task = progress.add_task("enhance", total=None)

    def report(done: int, total: int) -> None:
        progress.start()
        progress.update(task, completed=done, total=total)

    try:
        yield report
    finally:
        if progress.live.is_started:  # else it would print an empty line
            progress.stop()
