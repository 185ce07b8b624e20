"""Verbs that judge: evaluate."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Literal

from finemri.cli.words import Bytes, Names
from finemri.recipes.scanning import Pattern
from finemri.refusal import Refusal

RECONSTRUCTING = (
    "acceleration", "acs", "one_mask", "coils", "phase", "axis", "matrix", "slices", "domain", "peak",
)  # fmt: skip
"""Settings of Evaluate that only k-space has."""


@dataclass(frozen=True)
class Evaluate:
    """Spoil what is known, bring it back with every method, and measure: one tidy CSV and the paper's table. Of pairs,
    made by finemri pair, nothing is spoilt: the coarse scan goes in, and the fine one is what should come out."""

    into: Path
    """Where the CSV and the tables go. Run again, it goes on where it stopped."""
    cohort: tuple[Path, ...] = ()
    """Folders of scans that no method was trained on: of images, or for --sampling also of fully sampled k-space."""
    methods: Names = ()
    """Names that `finemri recipes` lists, or checkpoints' paths, with commas between them."""
    convention: Names = ()
    """Judge the saved images by other conventions too: finemri, fastmri, skimage, monai, paper-000 to paper-004, or
    all. Keeps images; without --cohort and --methods it judges those that INTO holds already."""
    degradation: Literal["blur", "kspace", "blur-0.7", "blur-1.3"] | None = None
    """Coarse scans for methods that super-resolve. blur: Gaussian of 1 voxel, then decimation. kspace: keep the centre
    of k-space, as a scanner does. blur-0.7, blur-1.3: Gaussians of other widths, which no shipped weights learnt on."""
    cross: bool = False
    """Instead of one degradation all of them, each in a folder of its own in INTO: cross.csv holds the kernel of the
    training against the kernel of the exam."""
    scale: Literal[1, 2, 4] | None = None
    """How much coarser. Default: 2; of pairs, which are compared as they are, 1."""
    people: tuple[Path, ...] = ()
    """split-1.json … that `finemri train` wrote, one for each cohort: only people of one part of it are judged."""
    part: Literal["validation", "test", "train"] = "validation"
    """Which part of the split."""
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
    """What PSNR and SSIM of slices, of k-space or of pairs, are relative to: the maximum of each true slice, or of all
    of a scan."""
    segmenter: Path | None = None
    """A judge: weights that finemri trained to segment; for volumes also a network's layer list (x.json beside
    x.safetensors), or a folder of label maps that an outside program made of INTO/images, under the same names. Adds
    volumes, Dice, surface distances and, for a cohort with label maps, SIS. Keeps images; without --methods it judges
    those that INTO holds already."""
    lesions: tuple[float, ...] = ()
    """Diameters in mm of balls, bright and dark, put into the truth of --degradation one at a time: is each kept, and
    what is made up that could pass for one?"""
    noise: float = 0.0
    """σ as a share of the brightest tissue: Rician on the coarse scan, complex on the samples of k-space."""
    seed: int = 0
    """The same seed draws the same noise, masks and coils."""
    device: str = "auto"
    """cpu, cuda, cuda:1, or auto: a GPU where there is one."""
    memory: Bytes = 4 * 2**30
    """How much memory all processes on this machine may take together, where volumes are enhanced."""
    workers: int | Literal["auto"] = "auto"
    """Processes that share the scans; 1: this one alone. auto: several, once the first scan shows that it pays."""
    scheduler: str | None = None
    """Address of a dask scheduler, such as tcp://10.0.0.1:8786, whose workers share the scans instead."""
    save_images: bool = False
    """Keep every image in INTO/images."""
    force: bool = False
    """Start afresh where the folder holds results of other settings."""

    def run(self) -> None:
        """Call the verb."""
        if self.degradation is not None and self.sampling is not None:
            raise Refusal(
                "Say what to spoil: --degradation makes scans coarse for methods that super-resolve, --sampling leaves "
                "out k-space for methods that reconstruct; give one of them."
            )
        if self.cross and (self.degradation or self.sampling or self.convention or self.segmenter):
            raise Refusal(
                "--cross judges methods that super-resolve under every degradation, and takes neither --degradation "
                "nor --sampling, --convention or --segmenter; leave them out, or --cross."
            )
        if self.convention:
            from finemri.measures.recompute import conventions_of

            conventions_of(self.convention)  # before anything takes hours
        self._check_segmenter()
        if not self.people:
            self._refuse_changed("people", ("part",))
        if self.methods or not self._judges_again:
            self._evaluate()
        else:
            structural = ("segmenter", "device", "cohort", "people", "part") if self.segmenter else ()
            judging = {"into", "convention", *structural}
            self._refuse_changed("methods", [f.name for f in fields(self) if f.name not in judging])
        if self.segmenter and self.sampling is None:
            self._structures(self.segmenter)
        if self.convention:
            self._recompute()

    @property
    def _judges_again(self) -> bool:
        """Whether images that were saved can be judged without methods."""
        return bool(self.segmenter or (self.convention and not self.cohort))

    @property
    def _keeps_images(self) -> bool:
        return bool(self.save_images or self.convention or self.segmenter)

    def _check_segmenter(self) -> None:
        """Before anything takes hours."""
        if self.segmenter and self.sampling is None and not self.segmenter.is_dir():
            from finemri.shelf import find_judge

            find_judge(self.segmenter)

    def _evaluate(self) -> None:
        if not (self.cohort and self.methods):
            raise Refusal("Evaluating takes --cohort, the scans, and --methods, what brings them back; give both.")
        if self.cross or self.degradation is not None:
            self._enhancing(self.degradation)
        elif self.sampling is not None:
            self._reconstructing(self.sampling)
        else:
            self._pairs()

    def _enhancing(self, degradation: Literal["blur", "kspace", "blur-0.7", "blur-1.3"] | None) -> None:
        """Under one degradation, or crossed under all."""
        from finemri.evaluate import Crew, People, evaluate, evaluate_crossed

        self._refuse_changed("sampling", RECONSTRUCTING)
        judge = evaluate_crossed if degradation is None else partial(evaluate, degradation=degradation)
        judge(
            self.cohort,
            self.methods,
            scale=self.scale or 2,
            noise=self.noise,
            into=self.into,
            device=self.device,
            memory=self.memory,
            force=self.force,
            seed=self.seed,
            lesions=self.lesions,
            save_images=self._keeps_images,
            people=People(self.people, self.part),
            crew=Crew(self.workers, self.scheduler),
        )

    def _reconstructing(self, sampling: Pattern) -> None:
        from finemri.evaluate import Crew, People, evaluate_reconstruction
        from finemri.physics.sampling import Sampling

        self._refuse_changed("degradation", ("scale", "memory", "lesions"))
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
            save_images=self.save_images or bool(self.convention),
            people=People(self.people, self.part),
            crew=Crew(self.workers, self.scheduler),
        )

    def _pairs(self) -> None:
        if not any((path / "cohort.json").is_file() or path.suffix == ".json" for path in self.cohort):
            raise Refusal(
                "Say what to spoil: --degradation makes scans coarse for methods that super-resolve, --sampling leaves "
                "out k-space for methods that reconstruct; only a cohort that finemri pair made needs neither."
            )
        if self.scale not in (None, 1):
            raise Refusal(f"Pairs are compared as they are, at scale 1, not {self.scale}; leave --scale out.")
        self._refuse_changed("degradation", ("lesions",))
        self._refuse_changed("degradation or --sampling", ("noise", "seed"))
        self._refuse_changed("sampling", [name for name in RECONSTRUCTING if name != "peak"])
        from finemri.evaluate import Crew, People, evaluate_pairs

        evaluate_pairs(
            self.cohort,
            self.methods,
            into=self.into,
            peak=self.peak,
            people=People(self.people, self.part),
            crew=Crew(self.workers, self.scheduler),
            device=self.device,
            memory=self.memory,
            force=self.force,
            save_images=self._keeps_images,
        )

    def _structures(self, segmenter: Path) -> None:
        from finemri.evaluate import People, evaluate_structures

        people = People(self.people, self.part)
        evaluate_structures(self.into, segmenter, cohort=self.cohort, people=people, device=self.device)

    def _recompute(self) -> None:
        from rich.console import Console
        from rich.markup import escape

        from finemri.measures.recompute import recompute, table_of

        console = Console()
        remarks: list[str] = []
        path = recompute(self.into, self.convention, remark=remarks.append)
        console.print(table_of(path))
        for remark in remarks:
            console.print(f"[yellow]{escape(remark)}[/yellow]", soft_wrap=True)
        console.print(f"Every number with its contract: {path}; side by side: {path.with_suffix('.md')}")

    def _refuse_changed(self, needed: str, names: Sequence[str]) -> None:
        """No setting is ignored in silence."""
        defaults = {field.name: field.default for field in fields(self)}
        for name in names:
            if getattr(self, name) != defaults[name]:
                raise Refusal(f"--{name.replace('_', '-')} goes with --{needed}, which is not given; leave it out.")
