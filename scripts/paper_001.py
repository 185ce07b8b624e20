"""Narcomey & Gu again, small: every system of docs/papers/001.md, on real crops of the hippocampus and a simulated
second scan with thick slices, which is paired as if it were found.

    python scripts/paper_001.py --into runs/paper-001

People are scanned again (finemri rescan --preset thick), paired slice by slice after a rigid registration (finemri
pair) and dealt 70/10/20; every system is trained by the verb train and examined by the verb evaluate. Killed at any
moment, the same command goes on where it was. Leaves tables.md and the figures of docs/papers/001.md.
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

from finemri.evaluate import evaluate_pairs
from finemri.pair import Pairing
from finemri.recipes import RECIPES, SliceSRGAN

MEASURES = (("mse", 5), ("psnr", 2), ("ssim-slices", 4), ("hfen", 3))
TITLES = {
    "spline": "the thick slices themselves",
    "srresnet": "SRResNet, Model 1",
    "srgan": "SRGAN, Model 1",
    "srresnet-long": "SRResNet, as long as SRGAN",
    "srgan-pure": "SRGAN without squared error",
    "srresnet-neighbours": "SRResNet, Model 2",
    "srgan-neighbours": "SRGAN, Model 2",
    "srgan-scrambled": "SRGAN, Model 2, scrambled as published",
    "srresnet-2.5d": "SRResNet, neighbours as input",
}
SEEDED = ("srresnet", "srgan", "srresnet-long")
"""Trained with every seed: the paper's main claim hangs on them."""
ORDERINGS = (
    ("SRGAN below SRResNet in MSE, Model 1", "srgan", "srresnet"),
    ("the same, Model 2", "srgan-neighbours", "srresnet-neighbours"),
    ("control: SRGAN below SRResNet of equal training", "srgan", "srresnet-long"),
    ("Model 2 below Model 1 in MSE", "srgan-neighbours", "srgan"),
    ("beyond the paper: neighbours as input below Model 1", "srresnet-2.5d", "srresnet"),
    ("beyond the paper: SRResNet below its input", "srresnet", "spline"),
    ("beyond the paper: SRGAN below its input", "srgan", "spline"),
)


def main() -> None:
    """Train what is missing, examine, tabulate, draw."""
    parser = arguments(__doc__)
    given = parser.parse_args()
    given.into.mkdir(parents=True, exist_ok=True)
    slices = Pairing(by="slices", registration="rigid")
    cohort = prepared(given.data / "hippocampus", given.into, "thick", slices, given.people)
    learners, exam = dealt(cohort, given.into, (0.7, 0.1, 0.2))
    runs = {
        f"{name}-seed{seed}": (recipe, seed)
        for seed in given.seeds
        for name, recipe in systems(given).items()
        if (not given.only or name in given.only) and (seed == given.seeds[0] or name in SEEDED)
    }
    weights = {run: learnt(recipe, learners, given.into / run, seed) for run, (recipe, seed) in runs.items()}
    table = evaluate_pairs(
        exam, ["spline", *map(str, weights.values())], into=given.into / "exam", device="cpu", save_images=True
    )
    names = csv_names(weights)
    tabulate(Exam.read(table, names), given.into / "tables.md")
    first = {label: run for label, run in names.items() if run.endswith(f"seed{given.seeds[0]}")}
    images, truth = one_slice(given.into / "exam" / "images", {"spline": "input", **first}, exam)
    gallery(images, truth, given.images / "paper-001.png", columns=5)
    curves({run: given.into / run for run in first.values()}, "mse", given.images / "paper-001-curves.png", "MSE")


def systems(given: argparse.Namespace) -> dict[str, SliceSRGAN]:
    """Name -> the shelf's recipe, in small."""
    recipe = RECIPES["slice-srgan"]
    assert isinstance(recipe, SliceSRGAN)
    vgg = given.data / "weights" / "vgg19_imagenet_to_conv3_4.safetensors"
    srgan = replace(
        recipe,
        features=32,
        blocks=8,
        critic_features=16,
        patch=(24, 32),
        rate=5e-4,
        vgg=str(vgg.resolve()),
        perceptual=2e-8,  # the code's 2e-6 are for other maps: here VGG would weigh a hundred times the squared error
        srresnet_rounds=given.rounds,
        adversarial_rounds=given.rounds,
    )
    srresnet = replace(srgan, adversarial_rounds=0)
    return {
        "srresnet": srresnet,
        "srgan": srgan,
        "srresnet-long": replace(srresnet, srresnet_rounds=2 * given.rounds),
        "srresnet-neighbours": replace(srresnet, neighbours="output"),
        "srgan-neighbours": replace(srgan, neighbours="output"),
        "srresnet-2.5d": replace(srresnet, neighbours="input"),
        "srgan-pure": replace(srgan, mse=0.0, perceptual=2e-6),
        "srgan-scrambled": replace(srgan, neighbours="output", scrambled=True),
    }


def tabulate(exam: Exam, path: Path) -> None:
    """The systems, and the paper's orderings."""
    lines = ["| system | seeds | " + " | ".join(measure for measure, _ in MEASURES) + " |", "|---" * 6 + "|"]
    for name, title in TITLES.items():
        if exam.seeds(name):
            cells = [exam.spread(name, measure, digits) for measure, digits in MEASURES]
            count = "–" if name == "spline" else len(exam.seeds(name))
            lines.append(f"| {title} | {count} | " + " | ".join(cells) + " |")
    lines += ["", "| the paper, or the control | here | MSE |", "|---|---|---|"]
    lines += [f"| {text} | {ordering(exam, one, other, 'mse', 5, -1.0)} |" for text, one, other in ORDERINGS]
    write_lines(path, lines)


if __name__ == "__main__":
    main()
