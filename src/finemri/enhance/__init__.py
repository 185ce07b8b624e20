"""The verb enhance: a coarse scan, or a folder of many, becomes a fine one."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from finemri.baselines import BASELINES
from finemri.cohorts.layouts import find_cohort
from finemri.enhance.crop import HELD, WORTH, Measured, cut, share_of, tissue_box, uncropped
from finemri.enhance.fitting import finer_than, fit, learnt_grid
from finemri.enhance.maps import Kind, Made, Maps, check_maps, draw_maps, gathered, in_slabs, operators, warn
from finemri.refusal import Refusal
from finemri.shelf import Method, default_weights, find_method, shipped_weights
from finemri.volumes.files import check_output, open_volume, save_slabs
from finemri.volumes.grid import millimetres, scaled_affine
from finemri.volumes.intensity import NORMALISERS
from finemri.volumes.portrait import measure_portrait, strangeness
from finemri.volumes.tiles import enhance_slabs, plan
from finemri.volumes.volume import Volume

Reporter = Callable[[int, int], None]


@runtime_checkable
class Described(Protocol):
    """An enhancer with settings of its own to tell, such as the device it runs on."""

    @property
    def settings(self) -> Mapping[str, str]:
        """For the provenance."""


@dataclass(frozen=True)
class Job:
    """One scan: where it lies, and where the finer one goes."""

    source: Path
    output: Path


def enhance(
    source: Path,
    output: Path,
    *,
    scale: int | None = None,
    weights: str | None = None,
    style: str = "faithful",
    method: str | None = None,
    memory: int | None = 4 * 2**30,
    device: str = "auto",
    series: str | None = None,
    crop: bool = False,
    maps: bool = False,
    degradation: Kind | None = None,
    rivals: Sequence[str] = (),
    force: bool = False,
    progress: bool = True,
) -> None:
    """Make a NIfTI file, a DICOM series, or every scan of a folder finer, and say beside each result how it was made.

    ``weights`` is a shipped name or a weights file, ``method`` any name on the shelf; without either, what ships for
    ``scale`` (2 unless told) and ``style`` is used. ``memory`` is the budget of the whole process in bytes. With
    ``crop`` the method sees the box around all tissue alone; the air around it is interpolated. Of a folder of many,
    the results go into the folder ``output`` under the same names, and a scan that fails does not stop the others.
    ``maps`` writes beside each result how far it is to be trusted (finemri.enhance.maps), for a scan that became coarse
    by ``degradation`` (as the weights learnt unless told), and against weights of other seeds, ``rivals``, if any.

    A scan that is coarser than the grid that weights of pairs learnt on is first laid onto that grid. Raises Refusal:
    before anything is computed, for whatever can be known by then; at the end, with the list of the scans that failed.
    """
    # Every tile is fresh memory, and in huge pages that costs a sixth less time. PyTorch looks at its first tensor.
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    chosen = choose_method(scale=scale, weights=weights, style=style, method=method, device=device)
    asked = _asked(chosen, maps=maps, degradation=degradation, rivals=rivals, device=device)
    source, output = Path(source), Path(output)
    jobs = find_jobs(source, output, series)
    if jobs is None:
        check_output(output, force=force)
        with _bar(shown=progress) as report:
            enhance_one(
                Job(source, output),
                chosen,
                memory=memory,
                series=series,
                crop=crop,
                maps=asked,
                force=force,
                report=report,
            )
    else:
        enhance_many(jobs, chosen, memory=memory, crop=crop, maps=asked, force=force, progress=progress)


def choose_method(*, scale: int | None, weights: str | None, style: str, method: str | None, device: str) -> Method:
    """What enhances. Raises Refusal for an unknown name, for two names, and for a scale that weights lack."""
    if weights is not None and method is not None:
        raise Refusal("Weights and a method were both given, and one of them is enough; leave the other out.")
    name = weights or method or default_weights(scale or 2, style)
    return find_method(name, scale or _own_scale(name), device)


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


def enhance_many(
    jobs: list[Job],
    method: Method,
    *,
    memory: int | None,
    crop: bool = False,
    maps: Maps | None = None,
    force: bool,
    progress: bool,
) -> None:
    """One after the other; a Refusal at the end lists the ones that failed."""
    there = [job for job in jobs if os.path.lexists(job.output)]
    if there and not force:
        raise Refusal(
            f"{len(there)} of {len(jobs)} results exist already, {there[0].output} for one; "
            "choose another folder, or pass --force to replace them."
        )
    failed = []
    for number, job in enumerate(jobs, start=1):
        try:
            job.output.parent.mkdir(parents=True, exist_ok=True)
            with _bar(f"scan {number} of {len(jobs)}", shown=progress) as report:
                enhance_one(job, method, memory=memory, crop=crop, maps=maps, force=force, report=report)
        except Exception as reason:  # whatever it is, the next scan may be sound
            failed.append(f"{job.source.name}: {reason if isinstance(reason, Refusal) else type(reason).__name__}")
            print(f"finemri: {failed[-1]}", file=sys.stderr)
    if failed:
        raise Refusal(
            f"{len(failed)} of {len(jobs)} scans could not be enhanced, the others are done. {' '.join(failed)}"
        )


def enhance_one(
    job: Job,
    method: Method,
    *,
    memory: int | None,
    series: str | None = None,
    crop: bool = False,
    maps: Maps | None = None,
    force: bool = False,
    report: Reporter | None = None,
) -> None:
    """Open, fit, measure, tile, enhance, blend and save: slab by slab, so that the result never stands in memory, but
    for ``maps``, which look at all of it."""
    enhancer = method.enhancer
    volume, fitting, warnings = _fitted(open_volume(job.source, series), method, memory)
    i, j, k = (n * s for n, s in zip(volume.shape, enhancer.scale, strict=True))
    check_output(job.output, shape=(i, j, k), source=volume.source, force=force)
    if maps is not None:
        check_maps(maps, method, job.output, volume, memory=memory, force=force)
    normaliser = NORMALISERS[enhancer.normaliser](volume.voxels)
    box = tissue_box(volume.voxels) if crop else None
    if box is not None and share_of(box, volume.shape) > WORTH:
        box = None
    seen = volume.voxels if box is None else cut(volume.voxels, box)
    worker = enhancer if box is None else Measured(enhancer, normaliser)
    held = (0 if box is None else HELD) + (0 if maps is None else 4 * i * j * k)
    layout = plan(worker, seen, memory=memory, held=held)
    portrait = measure_portrait(volume)
    warnings += strangeness(portrait, method.header.get("portrait", {}))
    for warning in warnings:
        print(f"finemri: warning: this scan is unlike those that the weights learnt from. {warning}", file=sys.stderr)
    provenance: dict[str, object] = {
        "method": method.name,
        "weights_sha256": method.digest,
        "recipe": method.header.get("recipe"),
        "scale": list(enhancer.scale),
        "normaliser": {"kind": enhancer.normaliser, "offset": normaliser.offset, "scale": normaliser.scale},
        "settings": dict(enhancer.settings) if isinstance(enhancer, Described) else {},
        "memory": memory,
        "tile": list(layout.tile),
        "overlap": list(layout.overlap),
        "margin": list(enhancer.margin),
        "crop": None if box is None else {"box": [list(span) for span in box], "around": "cubic spline"},
        "grid": fitting,
        "portrait": portrait,
        "warnings": warnings,
    }
    if report is not None:
        report(0, layout.count)
    slabs = enhance_slabs(worker, seen, tile=layout.tile, overlap=layout.overlap, progress=report)
    if box is not None:
        slabs = uncropped(slabs, volume.voxels, box, enhancer.scale)
    if maps is not None:
        made = Made(method, volume, gathered(slabs, (i, j, k)), normaliser, box)
        provenance["trust"] = told = draw_maps(maps, made, job.output, memory=memory, force=force, progress=report)
        warn(told)
        slabs = in_slabs(made.whole)
    affine = scaled_affine(volume.affine, enhancer.scale)
    save_slabs(slabs, (i, j, k), affine, job.output, source=volume.source, force=force, provenance=provenance)


def _asked(method: Method, *, maps: bool, degradation: Kind | None, rivals: Sequence[str], device: str) -> Maps | None:
    """Raises Refusal for what goes with maps alone, and for rivals of another scale."""
    if not maps:
        if degradation is not None or rivals:
            raise Refusal("A degradation and rivals are for maps of trust; pass --maps, or leave them out.")
        return None
    operators(method, degradation)
    scale = method.enhancer.scale[0]
    return Maps(degradation, tuple(find_method(name, scale, device) for name in rivals))


def _fitted(volume: Volume, method: Method, memory: int | None) -> tuple[Volume, dict[str, object] | None, list[str]]:
    """The scan on the grid that the weights learnt on, what the provenance says of that, and warnings."""
    grid = learnt_grid(method.header)
    if grid is None:
        return volume, None, []
    laid = fit(volume, grid, memory)
    if laid is not volume:
        print(
            f"finemri: this scan's voxels are {millimetres(volume.spacing)} and the weights learnt on "
            f"{millimetres(grid)}; it is first laid onto {millimetres(laid.spacing)} by a cubic spline.",
            file=sys.stderr,
        )
    said: dict[str, object] = {
        "learnt_mm": list(grid),
        "input_shape": list(volume.shape),
        "input_mm": list(volume.spacing),
        "laid": "cubic spline" if laid is not volume else None,
    }
    return laid, said, finer_than(volume, grid)


def _own_scale(name: str) -> int:
    """The scale that a weights file was made for, 1 where it has no such setting; 2 for a method that has any."""
    from finemri.training.weights import load_weights

    path = shipped_weights().get(name, Path(name))
    if name in BASELINES or not path.is_file():
        return 2
    settings = load_weights(path)[1].get("settings")
    return int(settings.get("scale", 1)) if isinstance(settings, Mapping) else 2


@contextmanager
def _bar(title: str = "enhance", *, shown: bool) -> Iterator[Reporter]:
    """A progress bar, on the error channel where it mixes with nothing that is piped on, from the first report."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("tiles")
    times = TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn()
    progress = Progress(*columns, *times, console=Console(stderr=True), disable=not shown)
    task = progress.add_task(title, total=None)

    def report(done: int, total: int) -> None:
        progress.start()
        progress.update(task, completed=done, total=total)

    try:
        yield report
    finally:
        progress.stop()
