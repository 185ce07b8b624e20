"""Leave out samples of k-space, let every reconstructing method bring the image back, and measure what came of it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from finemri.cohorts.cohort import Subject
from finemri.evaluate.enhancing import tell
from finemri.evaluate.guards import Headed, kernels_of, refuse_seen, say
from finemri.evaluate.running import Found, Named, Unit, device_of, found_again, refuse, run, say_unkept, shelved
from finemri.evaluate.scans import EVERYBODY, People, scans_of
from finemri.evaluate.slices import Axis, Scanner, Size, is_raw, open_slices
from finemri.evaluate.stopwatch import Stopwatch
from finemri.evaluate.trial import TRUTH, Study, Trial
from finemri.landing import alone_in
from finemri.measures.ledger import Ledger
from finemri.physics.sampling import Sampling
from finemri.provenance import digest as files_digest
from finemri.rawdata.files import Domain
from finemri.refusal import Refusal
from finemri.shelf import ReconstructionMethod, find_reconstructor, find_segmenter
from finemri.spread import ALONE, Bench, Crew

BASELINE = "zero-filled"
PRINTED = ("psnr", "ssim-slices", "snr", "hfen")


def evaluate_reconstruction(
    cohort: Path | Sequence[Path],
    methods: Sequence[str],
    *,
    sampling: Sampling,
    into: Path,
    axis: Axis = 2,
    matrix: Size | None = None,
    slices: int | None = None,
    coils: int = 1,
    noise: float = 0.0,
    phase: bool = False,
    domain: Domain | None = None,
    one_mask: bool = False,
    peak: Literal["slice", "scan"] = "slice",
    segmenter: Path | None = None,
    device: str = "auto",
    force: bool = False,
    seed: int = 0,
    save_images: bool = False,
    people: People = EVERYBODY,
    crew: Crew = ALONE,
) -> Path:
    """Cohort × methods -> ``into/measures.csv``, one number a row; then table.csv and table.md, made from it alone.

    Slices of images (of volumes across ``axis``, of ``matrix``, seen by ``coils``; real ones with a smooth ``phase`` if
    asked) or of fully sampled k-space (``domain`` as in open_raw) lose all samples that ``sampling`` leaves out:
    k = m · (F S x + n), for all methods the same k. ``noise``: σ of n as a share of the brightest tissue. ``slices``:
    so many of each scan, evenly spread; None: all that show something. The mask of a slice is drawn from ``seed``,
    subject and slice; with ``one_mask`` it is that of every training that had one mask too.

    Magnitudes are judged slice by slice, L the maximum of the true slice, or for ``peak`` "scan" of all those judged; a
    scan's number is the mean over them. ``segmenter``: weights whose job is to segment; adds Dice and SIS of every
    label. ``save_images`` keeps what was made in into/images, complex (slice, i, j). ``people``: who is judged.
    ``crew``: who does the work.

    Run again, it goes on where it stopped; methods and people may be added. Returns the path of the CSV. Raises Refusal
    where the folder holds results of other settings, unless ``force`` starts afresh; and at the end, where some scans
    could not be judged.
    """
    shelf, plain = shelved(methods, _finder(device), BASELINE)
    scanner = Scanner(axis, matrix, coils, noise, phase, domain, seed)
    judge = find_segmenter(str(segmenter), device_of(device)) if segmenter else None
    study = Study(sampling, scanner, slices, one_mask, peak, judge)
    scans = scans_of(cohort, people)
    blind = [name for name, scan in scans.items() if judge and (is_raw(scan.images[0]) or not scan.labels)]
    if blind:
        raise Refusal(
            f"There is no label map of {blind[0]}, so no segmenter can be judged on it; leave --segmenter out."
        )
    everyone: dict[str, Headed] = {**shelf, **({"segmenter": judge} if judge else {})}
    seen = refuse_seen(everyone, scans, people)
    images = into.absolute() / "images" if save_images else None
    plainly = Named(str(segmenter.absolute()), judge.digest) if segmenter and judge else None
    work = Reconstruction(replace(study, segmenter=None), plain, device, images, plainly)
    with alone_in(into):
        ledger = Ledger(into, {**study.settings, "people": people.name}, force=force)
        say(ledger, seen=seen, kernels=kernels_of(shelf, sampling.pattern))
        failed = run(work, work.bench(study, shelf), scans, shelf, ledger, crew.on(device_of(device)))
        say_unkept(images, ".npy", ledger)
        if ledger.rows:
            tell(ledger.path, BASELINE, PRINTED)
    refuse(failed, len(scans))
    return ledger.path


@dataclass(frozen=True)
class Reconstruction:
    """Let methods bring slices back, and judge them. Plain data, the same for every process."""

    study: Study
    """Without its segmenter."""
    methods: Mapping[str, Named]
    device: str
    images: Path | None
    """Where images are kept, if they are."""
    segmenter: Named | None = None

    def ready(self) -> Bench[Unit[Subject], Found]:
        """With the weights loaded. Raises Refusal where they are others."""
        shelf, study = found_again(self.methods, _finder(self.device)), self.study
        if self.segmenter is not None:
            judge = find_segmenter(self.segmenter.name, device_of(self.device))
            if judge.digest != self.segmenter.digest:
                raise Refusal("The segmenter's weights are others at a worker; give all the same files.")
            study = replace(study, segmenter=judge)
        return self.bench(study, shelf)

    def within(self, workers: int) -> "Reconstruction":  # noqa: ARG002
        """Slices are small: there is no budget to share."""
        return self

    def bench(self, study: Study, shelf: Mapping[str, ReconstructionMethod]) -> Bench[Unit[Subject], Found]:
        """One subject: slice by slice, every method whose rows are missing."""
        labels = study.segmenter is not None

        def judge(unit: Unit[Subject]) -> Iterator[Found]:
            digest = unit.agree(files_digest(_files(unit.scan, labels=labels)))
            yield Found(digest)
            if not unit.missing:
                return
            trial = Trial(study, unit.subject, open_slices(unit.scan, study.scanner, labels=labels))
            watches = {label: Stopwatch() for label in unit.missing}
            for n in trial.numbers:
                view = trial.view(n)
                for label, watch in watches.items():
                    reconstructor = shelf[label].reconstructor
                    offered = view.offered(reconstructor)
                    with watch.running():
                        image = reconstructor(offered)
                    trial.judge(label, image, view)
                    if self.images is not None:
                        trial.keep(label, image)
            if self.images is not None:
                trial.save(self.images)
            about = {"crimes": list(trial.slices.crimes)}
            yield Found(digest, TRUTH, tuple(trial.rows(TRUTH)), None, tuple(trial.remarks()), about)
            for label, watch in watches.items():
                cost = watch.cost(unit.subject, label, shelf[label].reconstructor)
                yield Found(digest, label, tuple(trial.rows(label)), cost)

        return judge


def _finder(device: str) -> Callable[[str], ReconstructionMethod]:
    here = device_of(device)
    return lambda name: find_reconstructor(name, here)


def _files(scan: Subject, *, labels: bool) -> list[Path]:
    """All that a scan is made of, so that a change is noticed."""
    paths = [*scan.images, *(scan.labels if labels else ())]
    paths += [path.with_suffix(".hdr") for path in scan.images if path.suffix == ".cfl"]
    return [file for path in paths for file in (sorted(path.iterdir()) if path.is_dir() else [path]) if file.is_file()]
