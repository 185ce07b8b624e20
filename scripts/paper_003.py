"""Ravikumar et al. again, small: every system of docs/papers/003.md, on real crops of the hippocampus and a simulated
second scan at low field, which is registered as if it were found.

    python scripts/paper_003.py --into runs/paper-003

People are scanned again (finemri rescan --preset low-field), paired (finemri pair) and dealt 70/10/20; every system is
trained by the verb train and examined by the verb evaluate. Killed at any moment, the same command goes on where it
was. Leaves tables.md and the figures of docs/papers/003.md.
"""

import argparse
from dataclasses import replace
from pathlib import Path

from paired import (
    Exam,
    arguments,
    csv_names,
    curves,
    dealt,
    gallery,
    learnt,
    one_slice,
    ordering,
    prepared,
    write_lines,
)
from paper_003_marks import marks

from finemri.evaluate import evaluate_pairs
from finemri.pair import Pairing
from finemri.recipes import RECIPES, FieldGAN, Forest

CNNS = ("field-fcn1", "field-fcn2", "field-dcsrn", "field-dcsrn-l2", "field-dcsrn-perceptual")
GANS = tuple(f"field-gan-{number}" for number in range(1, 12))
CONTROLS = ("field-unet", "field-dcgan2", "field-dcgan3", "field-gan-5-borderless", "field-gan-wasserstein")
SEEDED = ("field-dcsrn", "field-dcsrn-l2", "field-fcn2", "field-gan-5", "field-gan-7", "field-unet")
"""Small enough to be trained with every seed."""
MEASURES = (("psnr_peak255", 2), ("psnr", 2), ("mse", 4), ("ssim-slices", 3), ("hfen", 3))
ORDERINGS = (
    ("DCSRN above FCN1", "field-dcsrn", "field-fcn1"),
    ("FCN1 above FCN2", "field-fcn1", "field-fcn2"),
    ("DCSRN: L1 above L2", "field-dcsrn", "field-dcsrn-l2"),
    ("DCSRN: L1 above perceptual", "field-dcsrn", "field-dcsrn-perceptual"),
    ("DCSRN: perceptual above L2", "field-dcsrn-perceptual", "field-dcsrn-l2"),
    ("GAN 2 above GAN 3", "field-gan-2", "field-gan-3"),
    ("gradient loss hurts: GAN 3 above GAN 4", "field-gan-3", "field-gan-4"),
    ("GAN 4 above GAN 1", "field-gan-4", "field-gan-1"),
    ("GAN 7 above GAN 8", "field-gan-7", "field-gan-8"),
    ("GAN 8 above GAN 6", "field-gan-8", "field-gan-6"),
    ("sharpening helps: GAN 6 above GAN 5", "field-gan-6", "field-gan-5"),
    ("GAN 7 above GAN 9", "field-gan-7", "field-gan-9"),
    ("L1 above L2: GAN 9 above GAN 10", "field-gan-9", "field-gan-10"),
    ("perceptual loss hurts: GAN 9 above GAN 11", "field-gan-9", "field-gan-11"),
    ("GANs above CNNs: GAN 7 above DCSRN", "field-gan-7", "field-dcsrn"),
    ("a critic helps: GAN 7 above its generator alone", "field-gan-7", "field-unet"),
    ("a critic helps: GAN 2 above its generator alone", "field-gan-2", "field-dcgan2"),
    ("GAN 3 above its generator alone", "field-gan-3", "field-dcgan3"),
    ("gradient loss without its border above with it", "field-gan-5-borderless", "field-gan-5"),
    ("the forest above its input", "forest", "spline"),
)


def main() -> None:
    """Train what is missing, examine, tabulate, draw."""
    parser = arguments(__doc__)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--patch", type=int, default=32)
    parser.add_argument("--forest-patches", type=int, default=400)
    given = parser.parse_args()
    given.into.mkdir(parents=True, exist_ok=True)
    cohort = prepared(given.data / "hippocampus", given.into, "low-field", Pairing(by="volumes"), given.people)
    learners, exam = dealt(cohort, given.into, (0.7, 0.1, 0.2))
    weights = trainings(given, learners)
    table = evaluate_pairs(
        exam, ["spline", *map(str, weights.values())], into=given.into / "exam", device="cpu", save_images=True
    )
    names = csv_names(weights)
    tabulate(Exam.read(table, names), given.into / "tables.md")
    marks(exam, weights, {"spline": "spline", **names}, given.into)
    first = {label: run for label, run in names.items() if run.endswith(f"seed{given.seeds[0]}")}
    images, truth = one_slice(given.into / "exam" / "images", {"spline": "input", **first}, exam)
    gallery(images, truth, given.images / "paper-003.png")
    curves(
        {run: given.into / run for run in first.values()},
        "generator",
        given.images / "paper-003-curves.png",
        "loss of the generator",
    )


def recipe_of(name: str, given: argparse.Namespace) -> FieldGAN | Forest:
    """The shelf's, in small."""
    recipe = RECIPES[name]
    if isinstance(recipe, Forest):
        return replace(recipe, patches=given.forest_patches, patch=given.patch)
    assert isinstance(recipe, FieldGAN)
    own = {"rounds": given.rounds, "batch": given.batch, "patch": given.patch}
    if recipe.perceptual:
        vgg = given.data / "weights" / "vgg19_imagenet_to_conv3_4.safetensors"
        return replace(recipe, **own, vgg=str(vgg.resolve()), vgg_layers=("relu1_2", "relu2_2", "relu3_4"))
    return replace(recipe, **own)


def trainings(given: argparse.Namespace, learners: Path) -> dict[str, Path]:
    """Run -> weights; everything once before anything a second time."""
    wanted = given.only or [*CNNS, "forest", *GANS, *CONTROLS]
    found = {}
    for seed in given.seeds:
        for name in wanted:
            if seed == given.seeds[0] or name in SEEDED:
                run = f"{name}-seed{seed}"
                found[run] = learnt(recipe_of(name, given), learners, given.into / run, seed)
    return found


def tabulate(exam: Exam, path: Path) -> None:
    """The systems, and the paper's orderings."""
    lines = ["| system | seeds | " + " | ".join(measure for measure, _ in MEASURES) + " |", "|---" * 7 + "|"]
    for name in ("spline", "forest", *CNNS, *GANS, *CONTROLS):
        runs = exam.seeds(name)
        if runs:
            cells = [exam.spread(name, measure, digits) for measure, digits in MEASURES]
            lines.append(f"| `{name}` | {len(runs) if name != 'spline' else '–'} | " + " | ".join(cells) + " |")
    lines += ["", "| the paper, or the control | here | PSNR, dB |", "|---|---|---|"]
    lines += [f"| {text} | {ordering(exam, one, other, 'psnr')} |" for text, one, other in ORDERINGS]
    write_lines(path, lines)


if __name__ == "__main__":
    main()
