"""The verb inspect: what a file or folder is, what can be done with it, and what to type next.

No patient data is told: a scan is known by its matrix, a series by its modality, slices, matrix and spacing.
"""

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import nibabel as nib

from finemri.cohorts.cohort import Cohort
from finemri.cohorts.layouts import find_cohort
from finemri.cohorts.own_patches import FEWEST
from finemri.rawdata import pictures
from finemri.rawdata.files import LOOKS_LIKE_IMAGE, Domain, is_raw, open_raw
from finemri.rawdata.pattern import look_at
from finemri.rawdata.scan import RawScan
from finemri.recipes import RECIPES, revive
from finemri.refusal import Refusal
from finemri.training.weights import load_weights
from finemri.volumes.crimes import crimes_of
from finemri.volumes.description import Description
from finemri.volumes.files import describe_one, describe_series, open_volume
from finemri.volumes.thick import is_thick
from finemri.volumes.volume import Volume

LONGER = 1.5
"""Voxels one side of which is so many times as long as another get a remark."""


@dataclass(frozen=True)
class Findings:
    """What inspect found out."""

    what: str
    """A few words: a NIfTI volume, a cohort."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """Title -> value, in the order in which they are told."""
    can: tuple[str, ...] = ()
    """What can be done with it."""
    commands: tuple[str, ...] = ()
    """The very words to type next."""

    def __str__(self) -> str:
        """As it is printed."""
        width = max((len(title) for title in self.facts), default=0)
        lines = [self.what, *(f"  {title.ljust(width)}  {value}" for title, value in self.facts.items())]
        lines += ["", "What you can do", *(f"  {line}" for line in self.can)] if self.can else []
        lines += ["", "Type next", *(f"  {command}" for command in self.commands)] if self.commands else []
        return "\n".join(lines)


def inspect(
    path: Path, *, axes: str | None = None, dataset: str | None = None, domain: Domain | None = None
) -> Findings:
    """Look at a scan, k-space, a folder of DICOM series, a cohort or a weights file. Raises Refusal for anything else.

    ``axes``, ``dataset`` and ``domain`` are those of ``open_raw``, for k-space.
    """
    path = Path(path)
    if not path.exists():
        raise Refusal(f"There is nothing at {path}; check the name.")
    if path.suffix == ".safetensors":
        return _weights(path)
    if is_raw(path):
        return _raw(path, open_raw(path, axes=axes, dataset=dataset, domain=domain), axes, dataset, domain)
    if axes is not None or dataset is not None or domain is not None:
        raise Refusal(f"{path.name} is no k-space, so it has no axes, dataset or domain to name; leave them out.")
    cohort = find_cohort(path) if path.is_dir() else None
    if cohort is not None and (len(cohort) > 1 or path not in cohort.subjects[0].images):
        return _cohort(path, cohort)
    series = describe_series(path)
    return _scan(path, series[0]) if len(series) == 1 else _choice(path, series)


def _scan(path: Path, described: Description) -> Findings:
    """One scan: its grid, its brightness, and how fine it can become. Raises Refusal for one that cannot be used."""
    volume = open_volume(path)
    darkest, brightest = float(volume.voxels.min()), float(volume.voxels.max())
    extent = (n * s for n, s in zip(volume.shape, volume.spacing, strict=True))
    facts = {
        "matrix": _times(volume.shape),
        "spacing": f"{_times(volume.spacing)} mm",
        "field of view": f"{_times(extent)} mm",
        "orientation": "".join(axis or "?" for axis in nib.aff2axcodes(volume.affine)),
        **({"slices": described.gap} if described.gap else {}),
        "stored as": described.stored,
        "intensities": f"{darkest:.6g} to {brightest:.6g}",
    }
    if described.skipped:
        facts["other files"] = str(described.skipped)
    facts |= {f"data crime {n}": crime for n, crime in enumerate(crimes_of(volume.voxels), 1)}
    thick, stack = is_thick(volume.spacing), _is_stack(described)
    longer = max(volume.spacing) / min(volume.spacing)
    if longer > LONGER and not thick:
        facts["remark"] = (
            f"one side of a voxel is {longer:.1f} times as long as another; shipped weights expect equal sides"
        )
    what = "A DICOM series" if described.format == "dicom" else "A NIfTI volume"
    if brightest == darkest:
        return Findings(what, facts | {"remark": "it is constant, so there is nothing to make finer"})
    if stack:
        return Findings(what, facts, *_thin(path, volume))
    can = tuple(
        f"make it ×{scale} finer: {_times(n * scale for n in volume.shape)} voxels"
        f" of {_times(s / scale for s in volume.spacing)} mm"
        for scale in (2, 4)
    )
    alike = "--scale 2" if thick else ""  # a single thick slice, which enhance would not know what to do with
    ways = (alike, f"{alike} --style sharp".lstrip())
    return Findings(what, facts, can, tuple(_enhance(path, _finer(path), way) for way in ways))


def _is_stack(scan: Description) -> bool:
    """Whether it has thick slices, and more than one of them."""
    return is_thick(scan.spacing) and scan.shape[scan.spacing.index(max(scan.spacing))] > 1


def _thin(path: Path, volume: Volume) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What can be done with thick slices, and the words for it."""
    pixel, apart = sorted(volume.spacing)[1:]
    extent = [n * mm for n, mm in zip(volume.shape, volume.spacing, strict=True)]
    extent.pop(volume.spacing.index(apart))
    voxels = _times(round(n * mm / pixel) for n, mm in zip(volume.shape, volume.spacing, strict=True))
    ways = {f"make its thick slices thin: {voxels} voxels of {pixel:.3g} mm": "--isotropic"}
    if min(extent) >= FEWEST * apart:
        ways["or let it teach itself how, in minutes"] = "--isotropic --method selfsuper"
    return tuple(ways), tuple(_enhance(path, _finer(path), way) for way in ways.values())


def _raw(path: Path, scan: RawScan, axes: str | None, dataset: str | None, domain: Domain | None) -> Findings:
    """k-space: how its axes were understood, what was measured of it, and how far to trust it."""
    sampling = look_at(scan.sampled)
    facts = {**scan.facts, "slices": str(len(scan)), "coils": str(scan.coils), "matrix": _times(scan.shape)}
    if scan.spacing is not None:
        i, j, between = scan.spacing
        facts["pixels"] = f"{_times((i, j))} mm, slices {between:.4g} mm"
        facts["field of view"] = f"{_times((scan.shape[0] * i, scan.shape[1] * j))} mm"
    if scan.sensitivities is not None:
        facts["sensitivities"] = "in the file"
    fewer = "" if sampling.kind == "full" else f", {1 / sampling.share:.3g} times fewer than all"
    facts["sampled"] = f"{100 * sampling.share:.3g} % of the samples{fewer}"
    facts["mask"] = f"{sampling}{'' if scan.mask is None else ', as the file says'}"
    if sampling.kind == "full":
        facts["undersampling"] = "none yet, so it can only be retrospective"
    elif any(flag.startswith("retrospective") for flag in scan.flags):
        facts["undersampling"] = "retrospective, for these samples were never measured"
    else:
        facts["undersampling"] = "prospective, or done before the file was saved"
    facts |= {f"flag {n}": flag for n, flag in enumerate(scan.flags, 1)}
    try:
        scan.slice(len(scan) // 2)
    except Refusal as reason:
        return Findings("k-space", facts | {"not usable": str(reason)})
    domain = "image" if LOOKS_LIKE_IMAGE in scan.flags else domain
    more = {"--axes": axes, "--dataset": dataset, "--domain": domain}
    words = [f"{option} {shlex.quote(value)}" for option, value in more.items() if value is not None]
    output = path.with_name(f"{path.stem}-image.npy")
    command = " ".join(["finemri reconstruct", _quoted(path), "-o", _quoted(output), *words])
    what = "An image, taken for k-space" if scan.facts["domain"] == "image" else "k-space"
    return Findings(what, facts, ("reconstruct an image from it",), (command,))


def _choice(path: Path, series: list[Description]) -> Findings:
    """Several series in one folder: one has to be picked."""
    facts = {f"series {each.number}": _series(each) for each in series}
    good = [each for each in series if not each.refusal]
    can = ("make one of the series finer",) if good else ()
    commands = tuple(_enhance(path, _finer(path), f"--series {shlex.quote(each.number)}") for each in good)
    return Findings(f"A folder with {len(series)} DICOM series", facts, can, commands)


def _series(series: Description) -> str:
    """Modality, slices, matrix, spacing; and why it cannot be used, if so."""
    text = str(series).removeprefix(f"{series.number}: ")
    return f"{text}; not usable: {series.refusal}" if series.refusal else text


def _cohort(path: Path, cohort: Cohort) -> Findings:
    """A folder of many."""
    scans = sum(len(subject.images) for subject in cohort.subjects)
    labels = sum(len(subject.labels) for subject in cohort.subjects)
    facts = {"people": str(len(cohort)), "scans": str(scans), "label maps": str(labels)}
    if pairs := sum(len(subject.pairs) for subject in cohort.subjects):
        learns = next((name for name, known in RECIPES.items() if known.job == "super-resolve" and "slice" in name), "")
        facts = {"people": str(len(cohort)), "pairs": str(pairs)}
        words = f"finemri train {learns or 'RECIPE'} --cohort {_quoted(path)} --into runs/{learns or 'RECIPE'}"
        return Findings(
            "A cohort of pairs, coarse and fine", facts, ("train a recipe that learns from pairs",), (words,)
        )
    recipe = next(iter(RECIPES))
    train = f"finemri train {recipe} --cohort {_quoted(path)} --into runs/{recipe}"
    if not scans:
        synthetic = "train a recipe on it, with synthetic contrasts drawn from the label maps"
        return Findings("A cohort of label maps", facts, (synthetic,), (train,))
    if all(is_raw(image) for subject in cohort.subjects for image in subject.images[:1]):
        recipe = next(name for name, known in RECIPES.items() if known.job == "reconstruct")
        judge = "--methods zero-filled,l1-wavelet --sampling poisson-2d --into evaluation"
        commands = (
            f"finemri evaluate --cohort {_quoted(path)} {judge}",
            f"finemri train {recipe} --cohort {_quoted(path)} --into runs/{recipe}",
        )
        shown = all(image.suffix.lower() in pictures.SUFFIXES for s in cohort.subjects for image in s.images)
        what, judged = (
            ("A cohort of pictures", "judge reconstructions on k-space made of them")
            if shown
            else ("A cohort of k-space", "judge reconstructions on it, if it is fully sampled")
        )
        return Findings(what, facts, (judged, "train a recipe that reconstructs on it"), commands)
    evaluate = (
        f"finemri evaluate --cohort {_quoted(path)} --methods linear,spline --degradation kspace --into evaluation"
    )
    every = (describe_one(image) for subject in cohort.subjects for image in subject.images)
    found = [scan for scan in every if scan is not None]
    thick = sum(map(_is_stack, found))
    facts |= {"thick slices": f"{thick} of {scans} scans"} if thick else {}
    way = "" if not thick else "--isotropic" if thick == len(found) else "--scale 2"
    can = ("make every scan finer", "judge methods on it, if they were not trained on it", "train a recipe on it")
    return Findings("A cohort", facts, can, (_enhance(path, _finer(path), way), evaluate, train))


def _weights(path: Path) -> Findings:
    """Weights of finemri: what their header says, digest checked."""
    tensors, header = load_weights(path)
    recipe = revive(header)
    facts = {
        "recipe": str(header["recipe"]),
        "job": recipe.job,
        "parameters": f"{sum(tensor.numel() for tensor in tensors.values()):,}",
        "after": recipe.paper,
        "made by finemri": str(header.get("finemri", "an unknown version")),
    }
    uses = {
        "reconstruct": ("turn k-space into images with them", "finemri reconstruct SCAN.h5 -o IMAGE.nii.gz --method"),
        "segment": (
            "judge reconstructions by what they say is where",
            "finemri evaluate --cohort DIR --methods zero-filled --sampling poisson-2d --into evaluation --segmenter",
        ),
    }
    finer = ("make scans finer with them", "finemri enhance SCAN.nii.gz -o FINE.nii.gz --weights")
    can, command = uses.get(recipe.job, finer)
    return Findings("Weights", facts, (can,), (f"{command} {_quoted(path)}",))


def _enhance(path: Path, output: Path, more: str = "") -> str:
    return f"finemri enhance {_quoted(path)} -o {_quoted(output)} {more}".rstrip()


def _finer(path: Path) -> Path:
    """Where the finer one would go: beside it, in its own format."""
    path = path.resolve() if path.name in ("", "..") else path
    ending = next((e for e in (".nii.gz", ".nii") if path.name.lower().endswith(e)), "")
    stem = path.name[: len(path.name) - len(ending)] if path.is_dir() or ending else path.parent.resolve().name
    return path.with_name(f"{stem}-fine{ending}")


def _times(numbers: Iterable[int | float]) -> str:
    return " × ".join(f"{number:.4g}" if isinstance(number, float) else str(number) for number in numbers)


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))
