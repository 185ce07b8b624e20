"""The verb calibrate: how unlike a cohort a scan may be before it counts as strange to some weights."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.progress import track

from finemri.cohorts.cohort import Subject
from finemri.cohorts.examples import noisy
from finemri.cohorts.layouts import find_cohort
from finemri.cohorts.regions import LabelRegions
from finemri.cohorts.split import Split, split
from finemri.enhance.choosing import choose_method
from finemri.enhance.fitting import fit, learnt_grid
from finemri.enhance.maps import Operators, operators
from finemri.landing import check_landing
from finemri.measures.calibration_file import open_calibration, save_calibration
from finemri.measures.strangeness import Calibration, learn_calibration
from finemri.refusal import Refusal
from finemri.shapes import Affine
from finemri.shelf import Method
from finemri.trained import shipped_calibration
from finemri.volumes.files import open_volume
from finemri.volumes.grid import scaled_affine
from finemri.volumes.intensity import Normaliser, by_percentile
from finemri.volumes.signature import TOLERANCES, Signature, measure_signature
from finemri.volumes.volume import Volume

DRAWS = 4
"""Coarse scans made of each scan of a person, each by a degradation and with noise drawn as in training."""
CONTRASTS = 8
"""Coarse scans drawn from each label map."""
ZOOM = (0.9, 1.3)
"""Label voxels a fine voxel spans, lowest and highest, as in training (LabelRegions)."""


def calibrate(
    source: Path,
    output: Path,
    *,
    weights: str,
    alpha: float = 0.05,
    as_is: bool = False,
    people: Path | None = None,
    seed: int = 0,
    force: bool = False,
    progress: bool = True,
) -> Calibration:
    """Measure the scans of a cohort as ``weights`` would get them; half of the people fit, the others calibrate.

    Scans are made coarse as the weights learnt, with noise as they learnt; contrasts are drawn of people who have label
    maps alone. The coarse scans of pairs, and every scan with ``as_is``, are taken as they are. ``people``: a split
    that a training wrote; only those whom it learnt from take part, and the held-out remain for an exam. Raises Refusal
    for a baseline, for weights that do not tell what made their scans coarse, and for fewer people than α takes.
    """
    check_landing(output, force=force)
    method = choose_method(scale=None, weights=weights, style="faithful", method=None, device="cpu")
    if method.digest is None:
        raise Refusal(f"{method.name} learnt from nobody, so no scan is strange to it; name weights.")
    cohort = find_cohort(source)
    cohort = cohort if people is None else cohort.only(Split.load(people).train)
    measured, console = {}, Console(stderr=True)
    for subject in track(cohort.subjects, "calibrate", console=console, disable=not progress, transient=True):
        rng = np.random.default_rng([seed, *subject.name.encode()])
        measured[subject.name] = [signature_of(scan, method) for scan in inputs(subject, method, rng, as_is=as_is)]
    dealt = split(cohort, (0.5, 0.5, 0.0), seed)
    halves = [[measured[name] for name in names] for names in (dealt.train, dealt.validation)]
    made = learn_calibration(*halves, tolerances=TOLERANCES, alpha=alpha, weights_sha256=method.digest)
    save_calibration(made, output, force=force)
    return made


def signature_of(scan: Volume, method: Method) -> Signature:
    """Of the scan on the grid that the weights learnt on, if they did."""
    grid = learnt_grid(method.header)
    return measure_signature(scan if grid is None else fit(scan, grid, None))


def find_calibration(method: Method, own: Path | None = None) -> Calibration | None:
    """The user's own, or what ships for these weights, if anything does. Raises Refusal for one of other weights."""
    path = own or shipped_calibration(method.digest)
    if path is None:
        return None
    found = open_calibration(path)
    if found.weights_sha256 != method.digest:
        raise Refusal(
            f"{path.name} was made for other weights than {method.name}; calibrate these (finemri calibrate), or leave "
            "--calibration out."
        )
    return found


def judged(scan: Volume, calibration: Calibration) -> tuple[Mapping[str, object], list[str]]:
    """What the sidecar tells of an input, and a warning where it is strange."""
    verdict = calibration.judge(measure_signature(scan))
    told = {
        "score": verdict.score,
        "p": verdict.p,
        "alpha": verdict.alpha,
        "alarm": verdict.alarm,
        "outstanding": list(verdict.outstanding),
        "people": {"fitted": calibration.fitted, "calibrated": len(calibration.distances)},
    }
    return told, [verdict.sentence] if verdict.alarm else []


def inputs(subject: Subject, method: Method, rng: np.random.Generator, *, as_is: bool = False) -> Iterator[Volume]:
    """Scans of one person as the method would get them; pure in the state of ``rng``."""
    if as_is or subject.pairs:
        yield from (open_volume(path) for path in (subject.images or [pair.coarse for pair in subject.pairs]))
        return
    chosen, said = operators(method, None)
    if not chosen:
        raise Refusal(f"{method.name} does not tell how scans became coarse ({said}); give coarse ones and --as-is.")
    settings = method.header.get("settings")
    noise = float(settings.get("noise", 0.0)) if isinstance(settings, Mapping) else 0.0
    scale = method.enhancer.scale
    for path in subject.images:
        fine = open_volume(path)
        for _ in range(DRAWS):
            yield _coarse(torch.tensor(fine.voxels), scaled_affine(fine.affine, _inverse(scale)), chosen, noise, rng)
    for path in subject.labels if not subject.images else ():
        labels = open_volume(path)
        regions = LabelRegions([labels.voxels])
        i, j, k = (int(n / ZOOM[1]) for n in regions.maps[0].shape)
        for _ in range(CONTRASTS):
            step = float(np.exp(rng.uniform(*np.log(ZOOM))))
            regions.zoom = (step, step)
            affine = scaled_affine(labels.affine, _inverse(tuple(s * step for s in scale)))
            yield _coarse(regions.cut((i, j, k), rng), affine, chosen, noise, rng)


def _coarse(fine: torch.Tensor, affine: Affine, chosen: Operators, noise: float, rng: np.random.Generator) -> Volume:
    """y = A x + n, one of the degradations, and the noise of training: half of all have none."""
    degradation = chosen[sorted(chosen)[rng.integers(len(chosen))]]
    coarse = degradation(fine)
    units = Normaliser(0.0, by_percentile(coarse.numpy()).scale)
    seen = noisy(torch.from_numpy(units.apply(coarse.numpy())), (0.0, noise), Normaliser(0.0, 1.0), rng)
    return Volume(seen.numpy(), affine)


def _inverse(scale: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(1 / s for s in scale)
