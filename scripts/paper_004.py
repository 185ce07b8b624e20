"""Reproduce paper 004 (Seitzer et al., 2018) on real T1w images of the hippocampus, whose segmentation is the score.

    python scripts/paper_004.py --into runs/paper-004

People whose image is large enough are dealt into those who are learnt from, those by whom settings were chosen
(``--on validation``) and those of the exam. A segmenter, RecNet, its refinement, the paper's ablations and the
baselines are trained and measured there; killed at any moment, the same command goes on where it was. Leaves
measures.csv, and of it alone results.csv and results.md, and the figures of docs/papers/004.md.
"""

import argparse
import csv
import hashlib
import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric

from finemri.cohorts.cohort import Cohort
from finemri.cohorts.layouts import find_cohort
from finemri.cohorts.split import Split, split
from finemri.evaluate import evaluate_reconstruction
from finemri.measures.tidy import Row, read_rows
from finemri.recipes import DAGAN, Refined, Scanning, Segmenter, describe
from finemri.training.loop import play
from finemri.training.weights import load_weights
from finemri.volumes.files import open_volume

MATRIX = (48, 32)
PEOPLE = (90, 10, 20)
SLICES = 6
BASELINES = ("zero-filled", "l1-wavelet", "dlmri")
DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
COMPARED = (
    ("refined", "recnet"),
    ("long", "recnet"),
    ("long", "refined"),
    ("refined", "dlmri"),
    ("dlmri", "dagan"),
    ("refined", "dagan"),
    ("long", "dagan"),
    ("dlmri", "recnet"),
    ("dagan", "recnet"),
    ("no-adversary", "refined"),
    ("refined", "joint"),
)
VGG_CONSTANT = 3e-6
"""10 in the published code, whose VGG makes a loss of about 0.1; this one's is about 330,000 at the start."""
TITLES = {
    "truth": "truth",
    "zero-filled": "zero-filled",
    "l1-wavelet": "ℓ1-wavelets",
    "dlmri": "DLMRI",
    "dagan": "DAGAN",
    "recnet": "RecNet",
    "refined": "refined",
    "joint": "joint, from scratch",
    "joint-from-r": "joint, from R",
    "long": "refined, four times as long",
    "constants": "published constants",
    "gate-1": "λ = 1 at the start",
    "no-penalty": "no penalty",
    "no-matching": "no feature matching",
    "no-perceptual": "no VGG",
    "no-adversary": "VGG alone",
    "no-pool": "no pool of past fakes",
    "no-smoothing": "no label smoothing",
}


def main() -> None:
    """Train what is missing, measure, tabulate, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--into", type=Path, required=True)
    parser.add_argument("--data", type=Path, default=DATA, help="the folder that holds hippocampus and weights")
    parser.add_argument("--acceleration", type=float, default=6.0)
    parser.add_argument("--acs", type=int, default=4, help="fully sampled lines")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--segmenter-rounds", type=int, default=1_500)
    parser.add_argument("--reconstructor-rounds", type=int, default=2_000)
    parser.add_argument("--refinement-rounds", type=int, default=500)
    parser.add_argument("--joint-rounds", type=int, default=600)
    parser.add_argument("--dagan-rounds", type=int, default=400)
    parser.add_argument("--only", nargs="+", metavar="RUN", help="of the trainings, these alone (recnet refined …)")
    parser.add_argument("--on", choices=("validation", "exam"), default="exam", help="whom to measure")
    given = parser.parse_args()
    torch.set_num_threads(1)
    given.into.mkdir(parents=True, exist_ok=True)
    learners, examined = people(given.into, given.data / "hippocampus", given.on)
    segmenter = learn(given.into / "segmenter", judge(given), learners, 0)
    weights = trainings(given, learners)
    names = {f"{header_name(path)}@{sha256(path)[:8]}": run for run, path in weights.items()}
    scanning = scan(given)
    table = evaluate_reconstruction(
        examined,
        [*BASELINES, *map(str, weights.values())],
        sampling=scanning.samplings()[0],
        into=given.into / given.on,
        axis=0,
        matrix=MATRIX,
        slices=SLICES,
        segmenter=segmenter,
        device="cpu",
        save_images=True,
    )
    results = tabulate(read_rows(table), names, given.into)
    draw(results, given.into)
    show(given.into / given.on / "images", names, segmenter, given.into)


def people(into: Path, data: Path, on: str) -> tuple[Cohort, Path]:
    """Who is learnt from, and a folder that names who is measured: nobody is padded, whose image is too small."""
    everybody = find_cohort(data)
    path = into / "split.json"
    if not path.is_file():
        large = [
            subject.name
            for subject in everybody.subjects
            if all(n >= m for n, m in zip(open_volume(subject.images[0]).voxels.shape[1:], MATRIX, strict=True))
        ]
        split(everybody.only(large), PEOPLE).save(path)
    learners, validation, exam = Split.load(path).of(everybody)
    folder = into / f"{on}-people"
    folder.mkdir(exist_ok=True)
    entries = [
        {"name": s.name, "images": [str(p.resolve()) for p in s.images], "labels": [str(p.resolve()) for p in s.labels]}
        for s in (exam if on == "exam" else validation).subjects
    ]
    (folder / "cohort.json").write_text(json.dumps({"subjects": entries}, indent=2))
    return learners, folder


def scan(given: argparse.Namespace) -> Scanning:
    """Whole lines along the longer side; slices are cropped and never resized, images stay real."""
    return Scanning(
        patterns=("gaussian-1d",),
        accelerations=(given.acceleration,),
        acs=given.acs / MATRIX[0],
        phase=False,
        turn=False,
        axis="0",
        matrices=(MATRIX,),
        zoom=(2.0, 2.0),
    )


def judge(given: argparse.Namespace) -> Segmenter:
    """The segmenter: hippocampus or not."""
    return Segmenter(features=16, scales=4, axis="0", matrix=MATRIX, rounds=given.segmenter_rounds, schedule="cosine")


def variants(given: argparse.Namespace) -> dict[str, tuple[Refined, bool, int]]:
    """Run -> recipe, whether it begins with the R of its seed, and with how many of the seeds it is played."""
    vgg = str((given.data / "weights" / "vgg19_imagenet_to_conv3_4.safetensors").resolve())
    r = Refined(
        scanning=scan(given),
        vgg=vgg,
        vgg_layer="relu3_4",
        critic_maps=(64, 128, 256, 256),
        reconstructor_rounds=given.reconstructor_rounds,
        refinement_rounds=0,
        batch=16,
        rate=1e-3,
        schedule="cosine",
    )
    v = replace(r, reconstructor_rounds=0, refinement_rounds=given.refinement_rounds, rate=5e-4, schedule="constant")
    both = replace(v, joint=True, mse=1.0)
    many = len(given.seeds)
    return {
        "recnet": (r, False, many),
        "refined": (v, True, many),
        "joint": (replace(both, refinement_rounds=given.joint_rounds), False, 1),
        "joint-from-r": (both, True, 1),
        "long": (replace(v, refinement_rounds=4 * given.refinement_rounds), True, 1),
        "no-adversary": (replace(v, adversarial=0.0, matching=0.0), True, 1),
        "no-perceptual": (replace(v, perceptual=0.0), True, 1),
        "no-penalty": (replace(v, penalty=0.0), True, 1),
        "constants": (replace(v, balance=False, matching=1.0, perceptual=VGG_CONSTANT, penalty=2.0), True, 1),
        "gate-1": (replace(v, gate=1.0), True, 1),
        "no-matching": (replace(v, matching=0.0), True, 1),
        "no-pool": (replace(v, pool=0), True, 1),
        "no-smoothing": (replace(v, real_label=1.0), True, 1),
    }


def trainings(given: argparse.Namespace, learners: Cohort) -> dict[str, Path]:
    """Run and seed -> weights, trained here or before; the most important ones first."""
    wanted = given.only or ["dagan", *variants(given)]
    found: dict[str, Path] = {}
    for run, (recipe, on_r, many) in variants(given).items():
        if run not in wanted:
            continue
        for seed in given.seeds[:many]:
            r = given.into / f"recnet-{seed}" / "reconstructor.safetensors" if on_r else None
            found[f"{run}-{seed}"] = learn(given.into / f"{run}-{seed}", recipe, learners, seed, r)
        if run == "refined" and "dagan" in wanted:
            found["dagan-0"] = learn(given.into / "dagan-0", rival(given), learners, 0)
    return found


def rival(given: argparse.Namespace) -> DAGAN:
    """DAGAN for small images: fewer levels, a smaller critic, and VGG weighed as the error at the start."""
    r, _, _ = variants(given)["recnet"]
    return DAGAN(
        scanning=r.scanning,
        levels=4,
        critic_features=16,
        perceptual=1e-5,
        vgg=r.vgg,
        vgg_layer="relu3_4",
        vgg_size=0,
        rounds=given.dagan_rounds,
        batch=8,
        rate=5e-4,
        halve_every=0,
    )


def learn(folder: Path, recipe: Any, learners: Cohort, seed: int, r: Path | None = None) -> Path:
    """Weights of the last stage; ``r``: those of RecNet, which a Refiner begins with."""
    fabric = Fabric(accelerator="cpu", devices=1, precision="bf16-mixed")
    fabric.launch()
    fabric.seed_everything(seed, verbose=False)
    examples = recipe.examples([learners], [1.0], seed)
    generator = recipe.generator()
    header = {**describe(folder.name, recipe), "seed": seed, "people": [len(learners)]}
    if r is not None:
        generator.reconstructor.load_state_dict(load_weights(r)[0])
        header["reconstructor"] = sha256(r)
    stages = recipe.stages(generator, examples)
    done = folder / f"{stages[-1].name}.safetensors"
    if done.is_file() and load_weights(done)[1]["settings"] == json.loads(json.dumps(header["settings"])):
        return done
    print(folder.name, flush=True)
    return play(stages, fabric=fabric, directory=folder, header=header, seed=seed, workers=0, every=200)


def sha256(path: Path) -> str:
    """Digest of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def header_name(path: Path) -> str:
    """The recipe's name in a weights file."""
    return str(load_weights(path)[1]["recipe"])


Values = Mapping[str, Mapping[str, float]]
"""Measure -> person -> number."""


def tabulate(rows: Sequence[Row], names: Mapping[str, str], into: Path) -> dict[str, list[dict[str, float]]]:
    """results.csv and results.md; of each method its seeds, each with the means over people."""
    values: dict[str, dict[str, dict[str, float]]] = {}
    for row in rows:
        if row.contract.mask == "full":
            run = names.get(row.method, row.method)
            values.setdefault(run, {}).setdefault(row.measure, {})[row.subject] = row.value
    ceiling = statistics.fmean(values["truth"]["dice-1"].values())
    results: dict[str, list[dict[str, float]]] = {}
    lines: list[list[object]] = [["method", "run", "people", "psnr", "psnr std", "ssim", "hfen", "dice", "sis"]]
    order = [name for name in TITLES if name != "truth"]
    for run in sorted(values.keys() - {"truth"}, key=lambda run: (order.index(method(run)), run)):
        means = {measure: statistics.fmean(of.values()) for measure, of in values[run].items()}
        found = {
            "people": len(values[run]["psnr"]),
            "psnr": means["psnr"],
            "psnr std": statistics.stdev(values[run]["psnr"].values()),
            "ssim": means["ssim-slices"],
            "hfen": means["hfen"],
            "dice": means["dice-1"],
            "sis": means["dice-1"] / ceiling,
        }
        results.setdefault(method(run), []).append(found)
        lines.append([method(run), run, *found.values()])
    with (into / "results.csv").open("w", newline="") as file:
        csv.writer(file).writerows(lines)
    text = [f"Dice of the segmenter on the truth: {ceiling:.4f}", ""]
    text += ["| method | seeds | PSNR | SSIM | HFEN | SIS |", "|---|---|---|---|---|---|"]
    for name, seeds in results.items():
        cells = [spread(seeds, key, digits) for key, digits in (("psnr", 2), ("ssim", 4), ("hfen", 3), ("sis", 3))]
        count = "–" if name in BASELINES else len(seeds)
        text.append(f"| {TITLES[name]} | {count} | " + " | ".join(cells) + " |")
    text += ["", *pairs(values)]
    (into / "results.md").write_text("\n".join(text) + "\n")
    print("\n".join(text))
    return results


def method(run: str) -> str:
    """The run without its seed."""
    name, _, seed = run.rpartition("-")
    return name if seed.isdigit() and name in TITLES else run


def spread(seeds: Sequence[Mapping[str, float]], key: str, digits: int) -> str:
    """Mean over seeds, and from lowest to highest where there are several."""
    numbers = [seed[key] for seed in seeds]
    text = f"{statistics.fmean(numbers):.{digits}f}"
    return text if len(numbers) == 1 else f"{text} ({min(numbers):.{digits}f}–{max(numbers):.{digits}f})"


def pairs(values: Mapping[str, Values]) -> list[str]:
    """Person by person, over the seeds that both have: the mean difference, and how many people have it."""
    from scipy.stats import wilcoxon

    text = ["| difference | seeds | PSNR, dB | of people | Dice | of people | p |", "|---|---|---|---|---|---|---|"]
    for one, other in COMPARED:
        seeds = seeds_of(values, one) & seeds_of(values, other)
        cells, p = [], 1.0
        for measure, digits in (("psnr", 2), ("dice-1", 4)):
            a, b = (mean_of(values, name, seeds, measure) for name in (one, other))
            gains = [a[person] - b[person] for person in a]
            if gains:
                cells += [f"{statistics.fmean(gains):+.{digits}f}", f"{sum(g > 0 for g in gains)} of {len(gains)}"]
                p = float(wilcoxon(gains).pvalue)
        if cells:
            text.append(f"| {TITLES[one]} − {TITLES[other]} | {len(seeds)} | " + " | ".join(cells) + f" | {p:.2g} |")
    return text


def seeds_of(values: Mapping[str, Values], name: str) -> set[str]:
    """Of a training those that were played; a baseline is the same for all."""
    return {str(n) for n in range(100) if name in BASELINES or f"{name}-{n}" in values}


def mean_of(values: Mapping[str, Values], name: str, seeds: Iterable[str], measure: str) -> dict[str, float]:
    """Person -> mean over these seeds of a method."""
    runs = [values[name if name in BASELINES else f"{name}-{seed}"][measure] for seed in seeds]
    return {p: statistics.fmean(run[p] for run in runs) for p in runs[0]} if runs else {}


def draw(results: Mapping[str, Sequence[Mapping[str, float]]], into: Path) -> None:
    """paper-004-psnr-sis.png: what each method is worth to a ruler, and to a segmenter."""
    plt = pyplot()
    figure, axis = plt.subplots(figsize=(8, 4.2), layout="constrained")
    main = ("zero-filled", "l1-wavelet", "dlmri", "dagan", "recnet", "refined", "joint")
    marks = iter("x+1234|_*dPv")
    for name, seeds in results.items():
        look = {"marker": "o"} if name in main else {"marker": next(marks), "color": "black", "alpha": 0.6}
        axis.plot([s["psnr"] for s in seeds], [s["sis"] for s in seeds], linestyle="", label=TITLES[name], **look)
    axis.axhline(1, color="grey", linestyle=":")
    axis.set(xlabel="PSNR, dB", ylabel="SIS", title="mean over people; a mark a seed")
    figure.legend(loc="outside right upper", frameon=False, fontsize=8)
    figure.savefig(into / "paper-004-psnr-sis.png", dpi=100)
    plt.close(figure)


def show(images: Path, names: Mapping[str, str], segmenter: Path, into: Path) -> None:
    """paper-004-slices.png: of the first two people the slice of which most is found in the truth, outlined."""
    from finemri.shelf import find_segmenter

    plt = pyplot()
    outline = find_segmenter(str(segmenter)).segmenter
    shown = sorted(path.name.removesuffix("_truth.npy") for path in images.glob("*_truth.npy"))[:2]
    labels = {method(run): label for label, run in sorted(names.items(), key=lambda item: item[1], reverse=True)}
    trained = [name for name in ("dagan", "recnet", "refined", "joint") if name in labels]
    wanted = ["truth", *BASELINES, *trained]
    size = (1.35 * len(wanted), 2.1 * len(shown))
    figure, axes = plt.subplots(len(shown), len(wanted), figsize=size, squeeze=False, layout="constrained")
    for row, person in zip(axes, shown, strict=True):
        truth = np.load(images / f"{person}_truth.npy")
        n = int(np.argmax([outline(slice_ / slice_.max()).sum() for slice_ in truth]))
        for axis, name in zip(row, wanted, strict=True):
            made = np.abs(np.load(images / f"{person}_{labels.get(name, name)}.npy"))[n] / truth[n].max()
            axis.imshow(made, cmap="gray", vmin=0, vmax=0.9, interpolation="nearest")
            found = outline(made.astype(np.float32))
            if found.any():
                axis.contour(found, levels=[0.5], colors="orange", linewidths=0.9)
            axis.set_axis_off()
    for axis, name in zip(axes[0], wanted, strict=True):
        axis.set_title(TITLES[name], fontsize=8)
    figure.savefig(into / "paper-004-slices.png", dpi=100)
    plt.close(figure)


def pyplot() -> Any:
    """Matplotlib without a screen."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    return plt


if __name__ == "__main__":
    main()
