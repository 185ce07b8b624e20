"""Leave out samples of k-space, let every reconstructing method bring the image back, and measure what came of it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import torch
from rich.console import Console

from finemri.cohorts.cohort import Subject
from finemri.evaluate.scans import EVERYBODY, People, label_of, progress_bar, scans_of
from finemri.evaluate.slices import Axis, Scanner, Size, is_raw, open_slices
from finemri.evaluate.trial import TRUTH, Study, Trial
from finemri.measures.ledger import Ledger
from finemri.measures.table import NOTE, write_gains, write_tables
from finemri.physics.sampling import Sampling
from finemri.provenance import digest
from finemri.rawdata.files import Domain
from finemri.refusal import Refusal
from finemri.shelf import find_reconstructor, find_segmenter

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

    Run again, it goes on where it stopped; methods and people may be added. Returns the path of the CSV. Raises Refusal
    where the folder holds results of other settings, unless ``force`` starts afresh.
    """
    device = device if device != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
    scanner = Scanner(axis, matrix, coils, noise, phase, domain, seed)
    found = [(name, find_reconstructor(name, device)) for name in methods]
    shelf = {label_of(name, method.name, method.digest): method for name, method in found}
    if not shelf:
        raise Refusal(f"There is no method to evaluate; name at least one, for example {BASELINE}.")
    judge = find_segmenter(str(segmenter), device) if segmenter else None
    study = Study(sampling, scanner, slices, one_mask, peak, judge)
    scans = scans_of(cohort, people)
    blind = [name for name, scan in scans.items() if judge and (is_raw(scan.images[0]) or not scan.labels)]
    if blind:
        raise Refusal(
            f"There is no label map of {blind[0]}, so no segmenter can be judged on it; leave --segmenter out."
        )
    into.mkdir(parents=True, exist_ok=True)
    ledger = Ledger(into, {**study.settings, "people": people.name}, force=force)
    for label, method in shelf.items():
        ledger.agree("methods", label, method.digest or "")
        ledger.describe(label, method.header)
    with progress_bar() as progress:
        task = progress.add_task("", total=len(scans) * len(shelf))
        for name, scan in scans.items():
            ledger.agree("subjects", name, digest(_files(scan, labels=judge is not None)))
            missing = {label: method for label, method in shelf.items() if (name, label) not in ledger}
            progress.advance(task, len(shelf) - len(missing))
            if not missing:
                continue
            progress.update(task, description=name)
            trial = Trial(study, name, open_slices(scan, scanner, labels=judge is not None))
            for n in trial.numbers:
                view = trial.view(n)
                for label, method in missing.items():
                    progress.update(task, description=f"{name} {label}")
                    image = method.reconstructor(view.offered(method.reconstructor))
                    trial.judge(label, image, view)
                    if save_images:
                        trial.keep(label, image)
                    progress.advance(task, 1 / len(trial.numbers))
            trial.save(into / "images")
            for label in (TRUTH, *missing):
                if (name, label) not in ledger:
                    ledger.add(list(trial.rows(label)))
            for remark in trial.remarks():
                progress.console.print(f"[yellow]{remark}[/yellow]")
    console = Console()
    for table in write_tables(ledger.path, BASELINE, PRINTED):
        console.print(table)
    for line in write_gains(ledger.path, BASELINE):
        console.print(line, markup=False, soft_wrap=True)
    console.print(f"{NOTE} Every measure, and the full field: {into / 'table.md'}")
    return ledger.path


def _files(scan: Subject, *, labels: bool) -> list[Path]:
    """All that a scan is made of, so that a change is noticed."""
    paths = [*scan.images, *(scan.labels if labels else ())]
    paths += [path.with_suffix(".hdr") for path in scan.images if path.suffix == ".cfl"]
    return [file for path in paths for file in (sorted(path.iterdir()) if path.is_dir() else [path]) if file.is_file()]
