"""Verbs that make something: an image, weights, a picture."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Literal

from tyro.conf import OmitArgPrefixes, Positional, arg

from finemri.cli.words import Bytes, Lengths, Named


@dataclass(frozen=True)
class ThickSlices:
    """What is known of the slices of a scan, and how they become thin."""

    thickness: float | Literal["spectra"] | None = None
    """Of one slice, in mm; spectra: as the scan lets guess. Default: what the header tells, else as thick as they are
    apart."""
    profile: Literal["gaussian", "sinc"] = "gaussian"
    """Of one slice; sinc: nearly a box, as good 2D sequences excite."""
    slice_axis: Literal["i", "j", "k"] | None = None
    """Along which voxel axis slices are stacked. Default: where voxels are longest."""
    consistency: Literal["none", "damped", "hard"] | None = None
    """How much of what the slices measured is put back; hard: the result's slices are the measured ones, noise and all.
    Default: damped for weights, where the thickness is known; else none."""
    even: Literal["auto", "off"] = "auto"
    """auto: where every other slice is brighter, that is taken away first."""
    rounds: int = 275
    """With --method selfsuper: how long the scan teaches."""
    cache: str = ""
    """With --method selfsuper: folder for what a scan taught; off: it is not kept. Default: the user's cache folder."""

    def known(self) -> dict[str, Any]:
        """As finemri.enhance.Thin takes it."""
        from platformdirs import user_cache_path

        cache = user_cache_path("finemri", appauthor=False) / "selfsuper" if not self.cache else Path(self.cache)
        return {
            "thickness": self.thickness,
            "profile": self.profile,
            "axis": None if self.slice_axis is None else "ijk".index(self.slice_axis),
            "consistency": self.consistency,
            "even": self.even == "auto",
            "rounds": self.rounds,
            "cache": None if self.cache == "off" else cache,
        }


@dataclass(frozen=True)
class Enhance:
    """Make a NIfTI file, a DICOM series, or a folder of many finer: all axes alike, or thick slices thin."""

    source: Positional[Path]
    """A .nii or .nii.gz file, a folder with DICOM slices, or a folder of many such."""
    output: Annotated[Path, arg(aliases=["-o"])]
    """A .nii or .nii.gz file; any other name becomes a folder: of DICOM slices, or of many results."""
    scale: Literal[1, 2, 4] | None = None
    """Fine voxels per coarse voxel along each axis. Default: what the weights were made for, or 2. 1: weights of pairs.
    """
    isotropic: bool = False
    """Make thick slices as thin as pixels are long. Default for a scan of thick slices."""
    spacing: Lengths | None = None
    """The same, in voxels of so many millimetres: 1, or 0.7,0.7,1 along i, j, k."""
    weights: str | None = None
    """A shipped name or a checkpoint's path. Default: what ships for the scale and the style."""
    style: Literal["faithful", "sharp"] = "faithful"
    """faithful: nearest to the truth. sharp: looks like the truth, and may invent detail."""
    method: str | None = None
    """Any name that `finemri recipes` lists, such as spline, instead of weights. Of thick slices also selfsuper: the
    scan teaches itself, in minutes."""
    slices: Annotated[ThickSlices, OmitArgPrefixes] = ThickSlices()
    memory: Bytes = 4 * 2**30
    """How much memory all processes on this machine may take together."""
    device: str = "auto"
    """cpu, cuda, cuda:1, or auto: a GPU where there is one."""
    series: str | None = None
    """Which series of a DICOM folder; `finemri inspect` lists them."""
    crop: bool = False
    """Save time where there is much air: only the box around all tissue is enhanced, the rest is interpolated."""
    maps: bool = False
    """Write NIfTI maps beside the result: where it contradicts the scan, makes things up, disagrees with itself."""
    degradation: Literal["blur", "kspace"] | None = None
    """With --maps: how the scan became coarse. Default: as the weights learnt; each by itself where that is both."""
    rivals: tuple[str, ...] = ()
    """With --maps: weights from other seeds; the disagreement is over these instead of over flips."""
    calibration: Path | None = None
    """What `finemri calibrate` wrote: which scans are strange to these weights. Default: what ships beside them."""
    workers: int | Literal["auto"] = "auto"
    """Of a folder of many: processes that share the scans; 1: this one alone. auto: several, once the first scan shows
    that it pays."""
    scheduler: str | None = None
    """Of a folder of many: address of a dask scheduler, such as tcp://10.0.0.1:8786, whose workers share the scans."""
    force: bool = False
    """Replace an output that exists. Without it a folder of many goes on with the scans that have no result yet."""

    def run(self) -> None:
        """Call the verb."""
        from finemri.enhance import Crew, Thin, enhance

        enhance(
            self.source,
            self.output,
            scale=self.scale,
            weights=self.weights,
            style=self.style,
            method=self.method,
            isotropic=self.isotropic,
            thin=Thin(self.spacing, **self.slices.known()),
            memory=self.memory,
            device=self.device,
            series=self.series,
            crop=self.crop,
            maps=self.maps,
            degradation=self.degradation,
            rivals=self.rivals,
            calibration=self.calibration,
            crew=Crew(self.workers, self.scheduler),
            force=self.force,
        )


@dataclass(frozen=True)
class Train:
    """Train a recipe on a cohort; run it again in the same folder and it goes on where it stopped."""

    recipe: Named
    cohort: tuple[Path, ...]
    """Folders of NIfTI files, BIDS, Medical Decathlon (imagesTr), or DICOM folders; one or several."""
    into: Path
    """Where checkpoints, the journal and the finished weights go."""
    shares: tuple[float, ...] = ()
    """How often each cohort is drawn, relative to the others. Default: equally."""
    held_out: float = 0.1
    """Share of the people who are kept for validation, in each cohort of at least ten."""
    seed: int = 0
    """The same seed gives the same weights."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """auto: a GPU where there is one."""
    devices: int | Literal["auto"] = "auto"
    """How many GPUs; start with torchrun for more than one."""
    precision: Literal["bf16-mixed", "32-true"] = "bf16-mixed"
    """Arithmetic of the training."""
    threads: int | None = None
    """CPU threads. Default: torch's choice."""
    workers: int = 1
    """Processes that make patches."""
    checkpoint_every: int = 200
    """Rounds between two checkpoints."""
    start: Path | None = None
    """Weights to begin with, of a recipe with the same network: to go on learning on scans of your own."""

    def run(self) -> None:
        """Call the verb."""
        from finemri.train import train

        weights = train(
            self.recipe,
            cohorts=self.cohort,
            into=self.into,
            shares=self.shares or None,
            held_out=self.held_out,
            seed=self.seed,
            device=self.device,
            devices=self.devices,
            precision=self.precision,
            threads=self.threads,
            workers=self.workers,
            checkpoint_every=self.checkpoint_every,
            start=self.start,
        )
        print(f"Trained: {weights}")
        uses = {
            "reconstruct": f"finemri reconstruct SCAN.h5 -o IMAGE.nii.gz --method {weights}",
            "segment": f"finemri evaluate … --segmenter {weights}",
        }
        print("Use it: ", uses.get(self.recipe.job, f"finemri enhance SCAN.nii.gz -o FINE.nii.gz --weights {weights}"))


@dataclass(frozen=True)
class Reconstruct:
    """Turn a file of k-space, undersampled or not, into an image."""

    source: Positional[Path]
    """fastMRI or ISMRMRD HDF5, BART .cfl, NumPy .npy or .npz, MATLAB .mat; finemri inspect says what it holds."""
    output: Annotated[Path, arg(aliases=["-o"])]
    """.npy or .h5 keep the phase; .nii.gz and .png hold the magnitude."""
    method: str | None = None
    """Any reconstructor that `finemri recipes` lists, or the path of a weights file. Default: kspace-multicoil, for one
    coil l1-wavelet."""
    mask: Path | None = None
    """Zeros and ones, i by j: what counts as measured. Default: the file's mask, or samples that are not zero."""
    sensitivities: Path | None = None
    """Complex maps, one a coil. Default: the file's, or estimated from the centre of k-space."""
    slices: tuple[int, ...] = ()
    """Which slices, counted from 0. Default: all."""
    axes: str | None = None
    """The array's axes in its own order, such as coil,i,j. Default: as the format says, or found by rule."""
    dataset: str | None = None
    """Which array, where the file holds several."""
    domain: Literal["kspace", "image"] | None = None
    """What the samples are. Default: real numbers are an image, complex ones k-space."""
    coils: int | None = None
    """Compress to so many coils beforehand."""
    device: str = "auto"
    """cpu, cuda, cuda:1, or auto: a GPU where there is one."""
    maps: bool = False
    """Write NIfTI maps beside the result: where it contradicts the samples, what none saw, where flips disagree."""
    rivals: tuple[str, ...] = ()
    """With --maps: other methods or weights; the disagreement is over these instead of over flips."""
    force: bool = False
    """Replace what is there."""

    def run(self) -> None:
        """Call the verb."""
        from finemri.reconstruct import reconstruct

        settings = {field.name: getattr(self, field.name) for field in fields(self)}
        reconstruct(settings.pop("source"), settings.pop("output"), **settings)


@dataclass(frozen=True)
class Sweep:
    """Train a recipe with the labels of fewer and fewer people, and draw quality against their number."""

    recipe: Named
    cohort: Path
    """Folder of people; some of them are kept for the exam."""
    into: Path
    """Trainings, numbers and the figure go here. Run again, it goes on where it stopped."""
    budgets: tuple[int, ...] = (17, 6, 3)
    """Numbers of people with labels."""
    seeds: tuple[int, ...] = (0,)
    """One training each."""
    exam: int = 2
    """People who are never trained on."""
    slices: int | None = None
    """So many slices of each of them, evenly spread. Default: all that show something."""
    precision: Literal["bf16-mixed", "32-true"] = "bf16-mixed"
    """Arithmetic of the training."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """auto: a GPU where there is one."""
    threads: int | None = None
    """CPU threads. Default: torch's choice."""

    def run(self) -> None:
        """Call the verb."""
        from finemri.sweep import sweep

        settings = {field.name: getattr(self, field.name) for field in fields(self)}
        print(f"Drawn: {sweep(settings.pop('recipe'), settings.pop('cohort'), **settings)}")


@dataclass(frozen=True)
class Demo:
    """Super-resolve a real anatomy that comes with nilearn, reconstruct its k-space, and show what came of it."""

    into: Path = Path("demo-output")
    """Where the NIfTI files and the picture go."""
    device: str = "auto"
    """cpu, cuda, or auto."""
    force: bool = False
    """Replace a demo that is there."""

    def run(self) -> None:
        """Call the verbs, in a row."""
        from finemri.demo import demo

        demo(self.into, device=self.device, force=self.force)
