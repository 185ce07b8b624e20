"""One scan: opened, fitted, cut into tiles, enhanced, and saved with how it was made."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from finemri.enhance.calibrating import find_calibration, judged
from finemri.enhance.crop import HELD, WORTH, Measured, cut, share_of, tissue_box, uncropped
from finemri.enhance.fitting import finer_than, fit, learnt_grid
from finemri.enhance.maps import Made, Maps, check_maps, draw_maps, gathered, in_slabs, warn
from finemri.shelf import Method
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


def enhance_one(
    job: Job,
    method: Method,
    *,
    memory: int | None,
    series: str | None = None,
    crop: bool = False,
    maps: Maps | None = None,
    calibration: Path | None = None,
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
    portrait, trust = measure_portrait(volume), dict[str, object]()
    if (known := find_calibration(method, calibration)) is not None:
        trust["input"], strange = judged(volume, known)
    else:
        strange = strangeness(portrait, method.header.get("portrait", {}))
    warnings += strange
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
        **({"trust": trust} if trust else {}),
    }
    if report is not None:
        report(0, layout.count)
    slabs = enhance_slabs(worker, seen, tile=layout.tile, overlap=layout.overlap, progress=report)
    if box is not None:
        slabs = uncropped(slabs, volume.voxels, box, enhancer.scale)
    if maps is not None:
        made = Made(method, volume, gathered(slabs, (i, j, k)), normaliser, box)
        told = draw_maps(maps, made, job.output, memory=memory, force=force, progress=report)
        provenance["trust"] = {**trust, **told}
        warn(told)
        slabs = in_slabs(made.whole)
    affine = scaled_affine(volume.affine, enhancer.scale)
    save_slabs(slabs, (i, j, k), affine, job.output, source=volume.source, force=force, provenance=provenance)


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
