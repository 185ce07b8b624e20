r"""Put trained weights where they ship, with their digests and model cards.

    finemri train volume-x2 --cohort ../shared/data/thin_t1_dicom ../shared/data/label_maps --shares 3 1 --held-out 0 \
        --into runs/volume-x2
    python scripts/ship_weights.py runs --data ../shared/data

Of each run under the folder, the first stage ships as "faithful", the second as "sharp". The header also gets a
portrait of what the weights were trained on, so that enhance can warn of a scan that is unlike it. Cards quote the tidy
CSVs of ``finemri evaluate`` found under the same folder (evaluate-*/measures.csv).
"""

import argparse
import csv
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from statistics import mean

import torch

from finemri.physics.degradation import GaussianBlur, KSpaceTruncation, add_rician_noise
from finemri.recipes import VolumeSRGAN, revive
from finemri.training.weights import load_weights, save_weights
from finemri.volumes.files import open_volume
from finemri.volumes.grid import scaled_affine
from finemri.volumes.intensity import NORMALISERS
from finemri.volumes.portrait import measure_portrait
from finemri.volumes.volume import Volume

SHIPPED = Path(__file__).parent.parent / "src" / "finemri" / "weights"
STAGES = {"faithful": "fidelity", "sharp": "adversarial"}
RUNS = {"volume-x2": 2, "volume-x4": 4}
GAMMAS = (0.67, 1.0, 1.5)
"""Two standard deviations of the contrast jitter of the patches."""
SLACK = 1.5
"""A feature may lie this much beyond what was seen before a user is warned: one head is no census."""


def main() -> None:
    """Ship what is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    given = parser.parse_args()
    index_file = SHIPPED / "index.json"
    index = json.loads(index_file.read_text()) if index_file.is_file() else {}
    for run in RUNS:
        for style, stage in STAGES.items():
            trained = given.runs / run / f"{stage}.safetensors"
            if trained.is_file():
                ship(trained, f"{run}-{style}", given.data)
            path = SHIPPED / f"{run}-{style}.safetensors"
            if path.is_file():
                index[path.stem] = entry(path)
                card(path, style, index[path.stem], given.runs)
    index_file.write_text(json.dumps(dict(sorted(index.items())), indent=2) + "\n")


def ship(trained: Path, name: str, data: Path) -> None:
    """Copy the weights, and add the portrait of their training to the header."""
    tensors, header = load_weights(trained)
    recipe = revive(header)
    assert isinstance(recipe, VolumeSRGAN)
    save_weights(
        SHIPPED / f"{name}.safetensors",
        tensors,
        {**header, "portrait": portrait(recipe, [open_volume(data / "thin_t1_dicom")])},
    )
    print(name, sum(t.numel() for t in tensors.values()), "numbers")


def portrait(recipe: VolumeSRGAN, heads: Iterable[Volume]) -> dict[str, list[float]]:
    """Feature -> [lowest, highest] over coarse versions of what was learnt from, with some slack."""
    found: dict[str, list[float]] = defaultdict(list)
    for head in heads:
        for scan in coarse_scans(recipe, head):
            for feature, value in measure_portrait(scan).items():
                found[feature].append(value)
    spans = {feature: [min(values) / SLACK, max(values) * SLACK] for feature, values in found.items()}
    # Ringing goes below zero, noise may be absent, and drawn anatomies have any contrast: no warning for those.
    return {
        **spans,
        "noise": [0.0, spans["noise"][1]],
        "negative": [0.0, 0.05],
        "contrast": [1.0, spans["contrast"][1]],
    }


def coarse_scans(recipe: VolumeSRGAN, head: Volume) -> Iterator[Volume]:
    """The head as training saw it: every degradation, zoom, noise and gamma at its extremes."""
    scale = NORMALISERS["percentile"](head.voxels).scale
    for factor in (1.0, *recipe.zoom[1:]):
        sigma = recipe.sigma * factor
        blur, truncation = GaussianBlur(recipe.scale, sigma), KSpaceTruncation(recipe.scale)
        for degradation in (blur, truncation):
            coarse = degradation(torch.tensor(head.voxels))
            for noise in (0.0, recipe.noise):
                noisy = add_rician_noise(coarse, noise * scale, torch.Generator().manual_seed(0)) if noise else coarse
                affine = scaled_affine(head.affine, (1 / recipe.scale,) * 3)
                affine[:3, :3] *= factor
                for gamma in GAMMAS:
                    yield Volume(noisy.clamp(min=0).pow(gamma).numpy(), affine)


def entry(path: Path) -> dict[str, object]:
    """What index.json says of it."""
    tensors, header = load_weights(path)
    return {
        "recipe": header["recipe"],
        "stage": header["stage"],
        "scale": RUNS[str(header["recipe"])],
        "parameters": sum(t.numel() for t in tensors.values()),
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "licence": "Apache-2.0",
    }


def card(path: Path, style: str, facts: dict[str, object], runs: Path) -> None:
    """The model card beside the weights."""
    _, header = load_weights(path)
    recipe = revive(header)
    assert isinstance(recipe, VolumeSRGAN)
    text = CARD.format(
        name=path.stem,
        scale=recipe.scale,
        style=style,
        describes=STYLES[style],
        rounds=header["rounds"],
        sha256=facts["sha256"],
        parameters=facts["parameters"],
        recipe=header["recipe"],
        features=recipe.features,
        blocks=recipe.blocks,
        noise=recipe.noise,
        portrait="\n".join(f"| {k} | {low:.3g} | {high:.3g} |" for k, (low, high) in sorted(ranges(header).items())),
        measured=measured(path.stem, runs) or "Not measured yet.",
    )
    path.with_suffix(".md").write_text(text)


def ranges(header: dict[str, object]) -> dict[str, tuple[float, float]]:
    """The portrait in a header."""
    held = header.get("portrait", {})
    assert isinstance(held, dict)
    return {str(key): (float(low), float(high)) for key, (low, high) in held.items()}


def measured(name: str, runs: Path) -> str:
    """Means inside the head of every measure, this method beside the spline, from the tidy CSVs."""
    lines = []
    for table in sorted(runs.glob("evaluate-*/measures.csv")):
        values: dict[tuple[str, str], list[float]] = defaultdict(list)
        with table.open(newline="") as file:
            for row in csv.DictReader(file):
                if json.loads(row["contract"])["mask"] == "head":
                    values[row["method"], row["measure"]].append(float(row["value"]))
        for measure in dict.fromkeys(m for _, m in values):
            if (name, measure) in values and ("spline", measure) in values:
                own, spline = mean(values[name, measure]), mean(values["spline", measure])
                lines.append(
                    f"| {table.parent.name.removeprefix('evaluate-')} | {measure} | {spline:.4g} | {own:.4g} |"
                )
    return "\n".join(["| degradation | measure | spline | this |", "|---|---|---|---|", *lines]) if lines else ""


STYLES = {
    "faithful": "Trained for fidelity alone (mean absolute error): the nearest to the truth, and a little smooth.",
    "sharp": "Trained on against a critic: looks more like a measured image, and may invent fine detail.",
}
CARD = """# {name}

×{scale} super-resolution of whole volumes, *{style}*. {describes}

- **Recipe**: `{recipe}` (kind ResidualSR3D, {features} maps, {blocks} blocks), {rounds} rounds
- **Parameters**: {parameters:,}
- **Licence**: Apache-2.0
- **SHA-256**: `{sha256}`

## Trained on

- One T1w head, 0.67 × 0.70 × 0.67 mm, of the studyforrest project: PDDL, public domain; also resampled to up to 1.6
  times larger voxels
- Label maps of 20 people, SynthSeg: Apache-2.0; every patch with a contrast of its own, half of them T1-like, with
  texture and bias field

Coarse patches were made by `finemri.physics.degradation`: Gaussian blur (σ = 1 fine voxel) and decimation, or k-space
truncation, at equal shares; half of them with Gaussian or Rician noise of up to {noise:g} of the brightest tissue.
Brightness is normalised by the 99.9th percentile and given back.

Retrain, then ship:

    finemri train {recipe} --cohort ../shared/data/thin_t1_dicom ../shared/data/label_maps --shares 3 1 --held-out 0 \\
        --into runs/{recipe}
    python scripts/ship_weights.py runs --data ../shared/data

These weights were made from the same recipe, data and seed, but not by one unbroken run of that command: a launcher
that called `play` itself, and a second stage that was played again from the first one's last checkpoint, with that
checkpoint's settings edited, after the critic had been mended. The command was run to its end with six rounds only.

## Measured

Mean inside the head, on one T1w head at 1 mm, of another person and from another scanner
(`finemri evaluate --cohort ../shared/data/head_t1_1mm …`). Every number's full contract stands in the tidy CSV.
The head was not trained on, but settings were chosen with its gains in view: the numbers lean towards the hopeful side.

{measured}

## Limits

One person's scan and drawn anatomies: no pathology, no children, no contrast agent, no other body part was ever seen.
Detail beyond what was measured is a guess from anatomy in general, not evidence about this patient: not for diagnosis.
Thick slices are not what it was trained for. Inputs are compared with the training, and `enhance` warns outside of:

| feature | lowest | highest |
|---|---|---|
{portrait}
"""

if __name__ == "__main__":
    main()
