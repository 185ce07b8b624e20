"""Which scans raise the alarm? False alarms on people who did not calibrate, and detection of strange inputs.

python benchmarks/strange_inputs.py mtl ../shared/data       hippocampi: weights mtl-x2, whom the training held out
python benchmarks/strange_inputs.py volume ../shared/data    label maps: weights volume-x2, everybody left out once
"""

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage

from finemri.cohorts.cohort import Cohort
from finemri.cohorts.layouts import find_cohort
from finemri.cohorts.split import split
from finemri.enhance.calibrating import find_calibration, inputs, signature_of
from finemri.measures.strangeness import Calibration, learn_calibration
from finemri.physics.degradation import GaussianBlur
from finemri.rawdata.files import open_raw
from finemri.shelf import Method, find_method
from finemri.volumes.files import open_volume
from finemri.volumes.grid import spline_resize
from finemri.volumes.signature import TOLERANCES, Signature
from finemri.volumes.volume import Volume

TWO_MM = np.diag([2.0, 2.0, 2.0, 1.0])
RNG = np.random.default_rng(0)
Change = Callable[[Volume], Volume]


def with_voxels(change: Callable[[np.ndarray], np.ndarray]) -> Change:
    """A change of brightness or of turn."""
    return lambda scan: Volume(np.ascontiguousarray(change(np.array(scan.voxels)), np.float32), scan.affine)


def noise(share: float) -> Change:
    return with_voxels(
        lambda x: np.hypot(x + share * x.max() * RNG.normal(size=x.shape), share * x.max() * RNG.normal(size=x.shape))
    )


def spaced(factor: float) -> Change:
    return lambda scan: replace(scan, affine=scan.affine @ np.diag([factor, factor, factor, 1.0]))


CHANGES: dict[str, Change] = {
    "turned by 90°": with_voxels(lambda x: np.rot90(x, axes=(0, 2))),
    "noise, σ 5 % of the brightest": noise(0.05),
    "noise, σ 10 %": noise(0.10),
    "noise, σ 20 %": noise(0.20),
    "contrast inverted": with_voxels(lambda x: x.max() - x),
    "voxels said to be 1.25 times as large": spaced(1.25),
    "voxels said to be twice as large": spaced(2.0),
    "smoothed, σ 1 voxel": with_voxels(lambda x: ndimage.gaussian_filter(x, 1)),
    "interpolated to half the voxels": lambda scan: Volume(
        spline_resize(np.array(scan.voxels), (2, 2, 2)), scan.affine @ np.diag([0.5, 0.5, 0.5, 1.0])
    ),
    "shuffled voxels": with_voxels(lambda x: RNG.permutation(x.ravel()).reshape(x.shape)),
}


def crops(scan: Volume, count: int = 20, size: tuple[int, int, int] = (18, 25, 18)) -> Iterator[Volume]:
    """Boxes of mostly tissue of a scan of 2 mm, as large as a hippocampus crop."""
    x = np.array(scan.voxels)
    while count:
        start = [int(RNG.integers(max(1, n - m))) for n, m in zip(x.shape, size, strict=True)]
        box = np.ascontiguousarray(x[tuple(slice(a, a + m) for a, m in zip(start, size, strict=True))])
        if (box > 0.1 * x.max()).mean() > 0.7:
            yield Volume(box, scan.affine)
            count -= 1


def at_two_mm(scan: Volume) -> Volume:
    """Smoothed where it is finer, then interpolated."""
    step = [mm / 2.0 for mm in scan.spacing]
    smooth = ndimage.gaussian_filter(np.array(scan.voxels), [0.5 / s if s < 1 else 0 for s in step])
    return Volume(ndimage.zoom(smooth, step, order=3, grid_mode=True, mode="reflect").astype(np.float32), TWO_MM)


def coarse(scan: Volume) -> Volume:
    blurred = GaussianBlur(2)(torch.tensor(np.array(scan.voxels))).numpy()
    return Volume(blurred, scan.affine @ np.diag([2.0, 2.0, 2.0, 1.0]))


def others(data: Path) -> Iterator[tuple[str, list[Volume]]]:
    """Whole scans of something else, 2 mm where nothing else is said."""
    for contrast in ("t1w", "t2w", "flair"):
        found = [open_volume(data / "thick_multicontrast" / f"visit{n}_{contrast}.nii.gz") for n in (1, 2)]
        yield f"{contrast.upper()} of 3 to 4 mm slices, as it is", found
        yield f"{contrast.upper()} of 3 to 4 mm slices, laid onto 2 mm", [at_two_mm(scan) for scan in found]
    yield "T1 head, 1 mm made coarse", [coarse(open_volume(data / "head_t1_1mm" / "t1.nii.gz"))]
    yield "T1 head, 1 mm as it is", [open_volume(data / "head_t1_1mm" / "t1.nii.gz")]
    slabs = [open_volume(path) for path in sorted((data / "head_slabs" / "images").glob("*.nii.gz"))]
    yield "T1 head slabs, made coarse", [coarse(slab) for slab in slabs]
    knee = np.abs(open_raw(data / "kspace" / "knee_complex_image.cfl", domain="image").samples)[0]
    yield "a knee, one slice", [Volume(np.ascontiguousarray(np.moveaxis(knee, 0, 2), np.float32), TWO_MM)]
    yield "white noise", [Volume(np.abs(RNG.normal(size=(24, 24, 24))).astype(np.float32), TWO_MM) for _ in range(20)]


def table(
    judge: Callable[[Volume], bool], usual: Iterable[Volume], strange: Iterable[tuple[str, list[Volume]]]
) -> None:
    scans = list(usual)
    print("| input | scans | alarm |\n|---|---|---|")
    for name, change in CHANGES.items():
        row(name, [judge(change(scan)) for scan in scans])
    for name, found in strange:
        row(name, [judge(scan) for scan in found])


def row(name: str, alarms: list[bool]) -> None:
    print(f"| {name} | {len(alarms)} | {np.mean(alarms):.0%} |", flush=True)


def hippocampi(data: Path) -> None:
    method = find_method("mtl-x2-faithful", 2)
    calibration = find_calibration(method)
    assert calibration is not None
    cohort = find_cohort(data / "hippocampus")
    held = cohort.only(split(cohort, (0.9, 0.1, 0.0), 0).validation)
    own = [scan for person in held.subjects for scan in inputs(person, method, np.random.default_rng(7))]

    def judge(scan: Volume) -> bool:
        return calibration.judge(signature_of(scan, method)).alarm

    row("held-out people: false alarms", [judge(scan) for scan in own])
    row("everybody, 50 dealings into 90, 90 and 20: false alarms", dealings(cohort, method))
    boxes = [(name, [box for scan in found for box in crops(scan, 40 // len(found))]) for name, found in others(data)
             if "laid" in name or name == "T1 head, 1 mm made coarse"]  # fmt: skip
    table(judge, own[::4], [*((f"crops: {name}", found) for name, found in boxes), *others(data)])


def dealings(cohort: Cohort, method: Method) -> list[bool]:
    """Who fits, who calibrates and who is examined, drawn again and again."""
    people = {}
    for person in cohort.subjects:
        rng = np.random.default_rng([0, *person.name.encode()])
        people[person.name] = [signature_of(scan, method) for scan in inputs(person, method, rng)]
    alarms = []
    for seed in range(50):
        dealt = split(cohort, (90, 90, 20), seed)
        halves = [[people[name] for name in names] for names in (dealt.train, dealt.validation)]
        known = learn_calibration(*halves, tolerances=TOLERANCES)
        alarms += [known.judge(scan).alarm for name in dealt.test for scan in people[name]]
    return alarms


def label_maps(data: Path) -> None:
    """Everybody is left out once, and nine of the others calibrate."""
    method = find_method("volume-x2-faithful", 2)
    shipped = find_calibration(method)
    assert shipped is not None
    people: dict[str, list[Signature]] = {}
    kept: list[Volume] = []
    cohort = find_cohort(data / "label_maps")
    for person in cohort.subjects:
        scans = list(inputs(person, method, np.random.default_rng([0, *person.name.encode()])))
        people[person.name] = [signature_of(scan, method) for scan in scans]
        kept += scans[:1]
    alarms = []
    for name in people:
        rest = cohort.only(set(people) - {name})
        alarms += [left_out(rest, people, shipped.alpha).judge(scan).alarm for scan in people[name]]
    row("people left out: false alarms", alarms)

    def judge(scan: Volume) -> bool:
        return shipped.judge(signature_of(scan, method)).alarm

    head = ("T1 head of the training, made coarse", [coarse(open_volume(data / "thin_t1_dicom"))])
    table(judge, kept, [head, *others(data)])


def left_out(rest: Cohort, people: dict[str, list[Signature]], alpha: float) -> Calibration:
    dealt = split(rest, (0.5, 0.5, 0.0), 0)
    halves = [[people[name] for name in names] for names in (dealt.train, dealt.validation)]
    return learn_calibration(*halves, tolerances=TOLERANCES, alpha=alpha)


if __name__ == "__main__":
    torch.set_num_threads(1)
    {"mtl": hippocampi, "volume": label_maps}[sys.argv[1]](Path(sys.argv[2]))
