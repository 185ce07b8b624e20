"""Maps of trust beside a result: where it contradicts the scan, where it makes things up, where methods disagree.

They look at the whole result at once, so it has to fit into the memory budget, three times over.
"""

import math
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from finemri.enhance.crop import Box, Measured, cut, uncropped
from finemri.measures.trust import energy_share, norm_ratio, null_space, perturbation, residual, rms
from finemri.physics.degradation import GaussianBlur, KSpaceTruncation
from finemri.refusal import Refusal
from finemri.shapes import FineVoxels, Voxels
from finemri.shelf import Method
from finemri.volumes.enhancer import Enhancer
from finemri.volumes.ensemble import Disagreement, Ensemble, turnings
from finemri.volumes.files import check_output, save_slabs, save_volume, sidecar_path
from finemri.volumes.grid import scaled_affine
from finemri.volumes.intensity import Normaliser, by_percentile
from finemri.volumes.tiles import PIECE, RESERVE, Progress, enhance_slabs, resident_bytes
from finemri.volumes.volume import Volume

Kind = Literal["blur", "kspace"]
Operators = dict[str, GaussianBlur | KSpaceTruncation]

COPIES = 3
"""Of the result that stand in memory while it is made coarse again."""
NOISE = 0.01
"""σ of the perturbation, relative to the scan's brightest tissue."""


@dataclass(frozen=True)
class Maps:
    """What was asked for."""

    degradation: Kind | None = None
    """How the scan is taken to have become coarse; none: as the weights learnt, or both."""
    rivals: tuple[Method, ...] = ()
    """Weights of other seeds: the disagreement is over these as well, instead of over flips."""


@dataclass(frozen=True, eq=False)
class Made:
    """A result, and all that it was made from."""

    method: Method
    scan: Volume
    whole: FineVoxels
    units: Normaliser
    """Of the scan's brightness."""
    box: Box | None = None
    """That alone was enhanced."""


def operators(method: Method, kind: Kind | None) -> tuple[Operators, str]:
    """Name -> A, and who says that the scan was made by it. None where weights learnt from pairs: nobody knows theirs.

    Raises Refusal where a degradation is asked for that leaves the grid as it is.
    """
    scale = method.enhancer.scale
    if len(set(scale)) > 1 or scale[0] == 1:
        if kind is not None:
            raise Refusal(f"{method.name} adds no voxels, so no degradation can be stated; leave --degradation out.")
        return {}, "none: what makes its scans coarse is not known"
    settings = method.header.get("settings")
    settings = settings if isinstance(settings, Mapping) else {}
    learnt = [name for name in settings.get("degradations") or () if name in ("blur", "kspace")]
    names, said = [kind] if kind else learnt, "--degradation" if kind else "what the weights learnt"
    if not names:
        names, said = ["blur", "kspace"], "none stated, so both"
    known: Operators = {
        "blur": GaussianBlur(scale[0], float(settings.get("sigma", 1.0))),
        "kspace": KSpaceTruncation(scale[0]),
    }
    return {name: known[name] for name in names}, said


def map_paths(output: Path, method: Method, kind: Kind | None) -> dict[str, Path]:
    """Name of each map -> the NIfTI file beside the result."""
    names = [f"{what}_{name}" for name in operators(method, kind)[0] for what in ("residual", "nullspace")]
    stem = sidecar_path(output).name.removesuffix(".json")
    return {name: output.with_name(f"{stem}_{name}.nii.gz") for name in [*names, "disagreement"]}


def check_maps(maps: Maps, method: Method, output: Path, scan: Volume, *, memory: int | None, force: bool) -> None:
    """Raises Refusal, before anything is computed, where a map could not be made or saved."""
    for path in map_paths(output, method, maps.degradation).values():
        check_output(path, source=scan.source, force=force, sidecar=False)
    voxels = math.prod(n * s for n, s in zip(scan.shape, method.enhancer.scale, strict=True))
    needed = resident_bytes() + RESERVE + COPIES * 4 * voxels
    if memory is not None and needed > memory:
        raise Refusal(
            f"Maps look at the whole result at once, and with the {memory / 2**20:.0f} MiB of the budget they cannot; "
            f"give at least --memory {math.ceil(needed / 2**20)}MiB, enhance a part of the scan, or leave --maps out."
        )
    _members(maps, method)


def gathered(slabs: Iterable[FineVoxels], shape: tuple[int, int, int]) -> FineVoxels:
    """The whole result."""
    whole, done = np.empty(shape, np.float32), 0
    for slab in slabs:
        whole[:, :, done : done + slab.shape[2]] = slab
        done += slab.shape[2]
    if not np.isfinite(whole).all():
        raise Refusal("The result holds voxels that are not finite (NaN or Inf), so nothing was saved.")
    return whole


def in_slabs(whole: FineVoxels) -> Iterator[FineVoxels]:
    """A few slices at a time, as files are written."""
    step = max(1, PIECE // (4 * whole.shape[0] * whole.shape[1]))
    return (whole[:, :, start : start + step] for start in range(0, whole.shape[2], step))


def draw_maps(
    maps: Maps, made: Made, output: Path, *, memory: int | None, force: bool, progress: Progress | None = None
) -> dict[str, object]:
    """Write every map, and return the numbers for the sidecar: shares and ratios, without a unit."""
    paths = map_paths(output, made.method, maps.degradation)
    chosen, said = operators(made.method, maps.degradation)
    told: dict[str, object] = {"degradation": said}
    affine = scaled_affine(made.scan.affine, made.method.enhancer.scale)
    for name, degradation in chosen.items():
        measured, whole = torch.tensor(made.scan.voxels), torch.from_numpy(made.whole)
        gap = residual(whole, measured, degradation)
        share = norm_ratio(gap, measured)
        save_volume(made.scan.with_voxels(gap.numpy()), paths[f"residual_{name}"], force=force)
        invented = null_space(made.whole, degradation)
        energy = energy_share(invented, made.whole)
        np.abs(invented, out=invented)
        save_volume(Volume(invented, affine, made.scan.source), paths[f"nullspace_{name}"], force=force)
        del gap, invented
        told[name] = {"operator": asdict(degradation), "inconsistency": share, "null_space_energy": energy}
    told["disagreement"] = _disagreement(maps, made, paths["disagreement"], memory, progress, force=force)
    told["stability"] = _stability(made, memory, progress)
    told["maps"] = list(paths)
    return told


def _members(maps: Maps, method: Method) -> Ensemble:
    if not maps.rivals:
        return Ensemble(turnings(method.enhancer))
    return Ensemble([method.enhancer, *(rival.enhancer for rival in maps.rivals)])


def _disagreement(
    maps: Maps, made: Made, path: Path, memory: int | None, progress: Progress | None, *, force: bool
) -> dict[str, object]:
    """The map is written in slabs, while its squares add up."""
    worker = Disagreement(_members(maps, made.method), made.units)
    (i, j, k), scan, power = made.whole.shape, made.scan, 0.0
    nothing: Voxels = np.broadcast_to(np.float32(0), scan.shape)  # around a box all members are one spline
    slabs = _run(worker, scan.voxels, made.box, around=nothing, memory=memory, progress=progress)

    def watched() -> Iterator[FineVoxels]:
        nonlocal power
        for slab in slabs:
            power += float(np.square(slab, dtype=np.float64).sum())
            yield slab

    affine = scaled_affine(scan.affine, worker.scale)
    save_slabs(watched(), (i, j, k), affine, path, source=scan.source, force=force)
    over: object = f"{len(worker.ensemble.members)} flips"
    if maps.rivals:
        over = [method.digest or method.name for method in (made.method, *maps.rivals)]
    size = rms(made.whole)
    return {"over": over, "relative_rms": math.sqrt(power / made.whole.size) / size if size else 0.0}


def _stability(made: Made, memory: int | None, progress: Progress | None) -> dict[str, object]:
    """What a little noise becomes: rms of the change of the result over rms of the noise."""
    scan = made.scan.voxels
    sigma = NOISE * by_percentile(scan).scale
    noise = perturbation(scan.shape, sigma)
    worker = Measured(made.method.enhancer, made.units)
    power, done = 0.0, 0
    for slab in _run(worker, noisy := scan + noise, made.box, around=noisy, memory=memory, progress=progress):
        change = slab - made.whole[:, :, done : done + slab.shape[2]]
        power += float(np.square(change, dtype=np.float64).sum())
        done += slab.shape[2]
    return {"sigma": sigma, "amplification": math.sqrt(power / made.whole.size) / rms(noise)}


def _run(
    worker: Enhancer, voxels: Voxels, box: Box | None, *, around: Voxels, memory: int | None, progress: Progress | None
) -> Iterator[FineVoxels]:
    """Slabs of the whole field of view, of which a box alone may have been seen."""
    seen = voxels if box is None else cut(voxels, box)
    slabs = enhance_slabs(worker, seen, memory=memory, progress=progress)
    return slabs if box is None else uncropped(slabs, around, box, worker.scale)


def warn(told: Mapping[str, object]) -> None:
    """One line on the error channel."""
    parts = [
        f"{name}: {value['inconsistency']:.2%} against the scan, {value['null_space_energy']:.2%} made up"
        for name, value in told.items()
        if isinstance(value, Mapping) and "operator" in value
    ]
    if parts:
        print(f"finemri: trust, of the image's norm and energy: {'; '.join(parts)}.", file=sys.stderr)
