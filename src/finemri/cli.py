"""What a person types: one dataclass per verb; its run() calls one function.

A verb is imported when it runs, so that ``finemri --help`` answers at once.
"""

import json
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union

import tyro
from tyro.conf import CascadeSubcommandArgs, DisallowNone, FlagCreatePairsOff, Positional, arg, subcommand
from tyro.constructors import PrimitiveConstructorSpec

from finemri import __version__
from finemri.recipes import RECIPES
from finemri.recipes.recipe import Recipe
from finemri.recipes.scanning import Pattern
from finemri.refusal import Refusal

UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "KI": 2**10, "MI": 2**20, "GI": 2**30}


def bytes_of(size: str) -> int:
    """Size in bytes: 4GiB -> 4294967296. Raises ValueError for what is no size."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMG]I?|)B?", size.strip().upper())
    if match is None or float(match[1]) == 0:
        raise ValueError(f"{size!r} is no size of memory; write 4GiB or 800MB")
    return int(float(match[1]) * UNITS[match[2]])


def size_of(count: int) -> str:
    """The shortest way to write a number of bytes: 4294967296 -> 4GiB."""
    unit = max((unit for unit in UNITS if count % UNITS[unit] == 0), key=UNITS.__getitem__)
    return f"{count // UNITS[unit]}{unit.replace('I', 'i')}B"


Bytes = Annotated[
    int,
    PrimitiveConstructorSpec(
        nargs=1,
        metavar="SIZE",
        instance_from_str=lambda words: bytes_of(words[0]),
        is_instance=lambda value: isinstance(value, int),
        str_from_instance=lambda count: [size_of(count)],
    ),
]
Names = Annotated[
    tuple[str, ...],
    PrimitiveConstructorSpec(
        nargs=1,
        metavar="A,B,…",
        instance_from_str=lambda words: tuple(name for name in words[0].split(",") if name),
        is_instance=lambda value: isinstance(value, tuple),
        str_from_instance=lambda names: [",".join(names)],
    ),
]
RECONSTRUCTING = (
    "acceleration", "acs", "one_mask", "coils", "phase", "axis", "matrix", "slices", "domain", "peak", "segmenter",
)  # fmt: skip
"""Settings of Evaluate that only k-space has."""
if TYPE_CHECKING:
    Named = Recipe
else:  # one subcommand a name on the shelf, its settings as defaults
    _named = (
        Annotated[type(r), subcommand(n, default=r, description=r.paper, prefix_name=False)] for n, r in RECIPES.items()
    )
    Named = Union[tuple(_named)]  # noqa: UP007


@dataclass(frozen=True)
class Enhance:
    """Super-resolve a NIfTI file, a DICOM series, or a folder of many."""

    source: Positional[Path]
    """A .nii or .nii.gz file, a folder with DICOM slices, or a folder of many such."""
    output: Annotated[Path, arg(aliases=["-o"])]
    """A .nii or .nii.gz file; any other name becomes a folder: of DICOM slices, or of many results."""
    scale: Literal[2, 4] | None = None
    """Fine voxels per coarse voxel along each axis. Default: what the weights were made for, or 2."""
    weights: str | None = None
    """A shipped name or a checkpoint's path. Default: what ships for the scale and the style."""
    style: Literal["faithful", "sharp"] = "faithful"
    """faithful: nearest to the truth. sharp: looks like the truth, and may invent detail."""
    method: str | None = None
    """Any name that `finemri recipes` lists, such as spline, instead of weights."""
    memory: Bytes = 4 * 2**30
    """How much memory the whole process may take."""
    device: str = "auto"
    """cpu, cuda, cuda:1, or auto: a GPU where there is one."""
    series: str | None = None
    """Which series of a DICOM folder; `finemri inspect` lists them."""
    force: bool = False
    """Replace an output that exists."""

    def run(self) -> None:
        """Call the verb."""
        from finemri.enhance import enhance

        enhance(
            self.source,
            self.output,
            scale=self.scale,
            weights=self.weights,
            style=self.style,
            method=self.method,
            memory=self.memory,
            device=self.device,
            series=self.series,
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
    """Any reconstructor that `finemri recipes` lists, or the path of a weights file. Default: the weights that ship,
    for one coil or many."""
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
class Evaluate:
    """Spoil what is known, bring it back with every method, and measure: one tidy CSV and the paper's table."""

    cohort: tuple[Path, ...]
    """Folders of scans that no method was trained on: of images, or for --sampling also of fully sampled k-space."""
    methods: Names
    """Names that `finemri recipes` lists, or checkpoints' paths, with commas between them."""
    into: Path
    """Where the CSV and the tables go. Run again, it goes on where it stopped."""
    degradation: Literal["blur", "kspace"] | None = None
    """Coarse scans for methods that super-resolve. blur: Gaussian, then decimation. kspace: keep the centre of k-space,
    as a scanner does."""
    scale: Literal[2, 4] = 2
    """How much coarser."""
    sampling: Literal["gaussian-1d", "density-1d", "random-1d", "equispaced-1d", "density-2d", "poisson-2d"] | None = (
        None
    )
    """Undersampled k-space for methods that reconstruct: which samples are measured."""
    acceleration: float = 4.0
    """All samples over those measured."""
    acs: float | None = None
    """Size of the fully sampled centre: share of the lines (1D), radius over the half-width (2D). Default: as
    published."""
    one_mask: bool = False
    """The same mask for every slice, that of trainings with one mask; else one for each, drawn from the seed."""
    coils: int = 1
    """Receive coils that are simulated where the cohort holds images."""
    phase: bool = False
    """Give real-valued images a smooth random phase before k-space is made of them."""
    axis: Literal[0, 1, 2] = 2
    """Which voxel axis is perpendicular to the slices that k-space is made of."""
    matrix: tuple[int, int] | None = None
    """Images are cropped or padded to it before k-space is made; of measured k-space, the middle of the image that
    counts."""
    slices: int | None = None
    """So many slices of each scan, evenly spread. Default: all that show something."""
    domain: Literal["kspace", "image"] | None = None
    """What files of samples hold, where it cannot be told."""
    peak: Literal["slice", "scan"] = "slice"
    """What PSNR and SSIM of slices are relative to: the maximum of each true slice, or of all of a scan."""
    segmenter: Path | None = None
    """Weights that segment slices: adds Dice and SIS, for a cohort with label maps."""
    noise: float = 0.0
    """σ as a share of the brightest tissue: Rician on the coarse scan, complex on the samples of k-space."""
    seed: int = 0
    """The same seed draws the same noise, masks and coils."""
    device: str = "auto"
    """cpu, cuda, cuda:1, or auto: a GPU where there is one."""
    memory: Bytes = 4 * 2**30
    """How much memory the whole process may take, where volumes are enhanced."""
    save_images: bool = False
    """Keep every image in INTO/images."""
    force: bool = False
    """Start afresh where the folder holds results of other settings."""

    def run(self) -> None:
        """Call the verb."""
        if (self.degradation is None) == (self.sampling is None):
            raise Refusal(
                "Say what to spoil: --degradation makes scans coarse for methods that super-resolve, --sampling leaves "
                "out k-space for methods that reconstruct; give one of them."
            )
        if self.degradation is not None:
            self._enhancing(self.degradation)
        if self.sampling is not None:
            self._reconstructing(self.sampling)

    def _enhancing(self, degradation: Literal["blur", "kspace"]) -> None:
        from finemri.evaluate import evaluate

        self._refuse_changed("sampling", RECONSTRUCTING)
        evaluate(
            self.cohort,
            self.methods,
            degradation=degradation,
            scale=self.scale,
            noise=self.noise,
            into=self.into,
            device=self.device,
            memory=self.memory,
            force=self.force,
            seed=self.seed,
            save_images=self.save_images,
        )

    def _reconstructing(self, sampling: Pattern) -> None:
        from finemri.evaluate import evaluate_reconstruction
        from finemri.physics.sampling import Sampling

        self._refuse_changed("degradation", ("scale",))
        evaluate_reconstruction(
            self.cohort,
            self.methods,
            sampling=Sampling(sampling, self.acceleration, self.acs),
            into=self.into,
            axis=self.axis,
            matrix=self.matrix,
            slices=self.slices,
            coils=self.coils,
            noise=self.noise,
            phase=self.phase,
            domain=self.domain,
            one_mask=self.one_mask,
            peak=self.peak,
            segmenter=self.segmenter,
            device=self.device,
            force=self.force,
            seed=self.seed,
            save_images=self.save_images,
        )

    def _refuse_changed(self, needed: str, names: Sequence[str]) -> None:
        """No setting is ignored in silence."""
        defaults = {field.name: field.default for field in fields(self)}
        for name in names:
            if getattr(self, name) != defaults[name]:
                raise Refusal(f"--{name.replace('_', '-')} goes with --{needed}, which is not given; leave it out.")


@dataclass(frozen=True)
class Inspect:
    """Say what a file or folder is, what can be done with it, and what to type next."""

    path: Positional[Path]
    """A file or a folder."""
    axes: str | None = None
    """Of k-space: the array's axes in its own order, such as coil,i,j. Default: as the format says, or found by rule.
    """
    dataset: str | None = None
    """Of k-space: which array, where the file holds several."""
    domain: Literal["kspace", "image"] | None = None
    """Of k-space: what the samples are. Default: real numbers are an image, complex ones k-space."""

    def run(self) -> None:
        """Call the verb."""
        from finemri.inspect import inspect

        print(inspect(self.path, axes=self.axes, dataset=self.dataset, domain=self.domain))


@dataclass(frozen=True)
class Fetch:
    """Fetch one file, such as VGG's weights for a perceptual loss, if it is the one that its digest names."""

    url: Positional[str]
    """https://…, or file:///… for a file of this machine."""
    output: Annotated[Path, arg(aliases=["-o"])]
    """Where it goes."""
    sha256: str
    """Its SHA-256, as who offers it names it. What has another is not kept."""
    most: Bytes = 4 * 2**30
    """Larger files are not fetched."""
    force: bool = False
    """Replace what is there."""

    def run(self) -> None:
        """Call the verb."""
        from finemri.fetch import fetch

        size = fetch(self.url, self.output, sha256=self.sha256, most=self.most, force=self.force)
        print(f"Fetched: {self.output} ({size:,} bytes, SHA-256 as named)")


@dataclass(frozen=True)
class Recipes:
    """List every method: learned recipes, shipped weights, classical baselines."""

    json: bool = False
    """As JSON."""

    def run(self) -> None:
        """Call the shelf."""
        from finemri.shelf import list_methods

        methods = list_methods()
        print(json.dumps(methods, indent=2) if self.json else _table(methods))


@dataclass(frozen=True)
class Demo:
    """Super-resolve a real anatomy that comes with nilearn, and show how much better than a spline it is."""

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


@dataclass(frozen=True)
class Command:
    """Turn coarse MRI and undersampled k-space into fine MRI, and prove what was done."""

    verb: Annotated[Enhance | Reconstruct | Train | Sweep | Evaluate | Inspect | Recipes | Fetch | Demo, arg(name="")]


def main(words: Sequence[str] | None = None) -> int:
    """Parse, run, and answer with an exit code: 0 done, 2 refused, 130 interrupted."""
    words = sys.argv[1:] if words is None else list(words)
    if words == ["--version"]:
        print(f"finemri {__version__}")
        return 0
    try:
        command = tyro.cli(
            Command, args=words, prog="finemri", config=(CascadeSubcommandArgs, DisallowNone, FlagCreatePairsOff)
        )
        command.verb.run()
    except Refusal as refusal:
        print(f"finemri: {refusal}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("finemri: interrupted; no half-written file is left behind.", file=sys.stderr)
        return 130
    return 0


def _table(methods: Sequence[dict[str, Any]]) -> str:
    """One line a method, in columns."""
    rows = [("NAME", "KIND", "JOB", "PARAMETERS", "AFTER")]
    for method in methods:
        networks = ", ".join(f"{name} {count:,}" for name, count in (method.get("parameters") or {}).items())
        after = method.get("paper") or method.get("recipe") or ""
        rows.append((method["name"], method["kind"], method["job"], networks, after))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join(
        "  ".join(cell.ljust(w) for cell, w in zip(row, [*widths, 0], strict=True)).rstrip() for row in rows
    )


if __name__ == "__main__":
    sys.exit(main())
