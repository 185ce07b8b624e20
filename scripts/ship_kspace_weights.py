r"""Put trained reconstructors where they ship, with their digests and model cards.

    finemri train kspace-multicoil --cohort ../shared/data/thin_t1_dicom ../shared/data/head_t1_1mm \
        ../shared/data/label_maps --shares 1 1 2 --into runs/kspace-multicoil
    python scripts/ship_kspace_weights.py runs
    python benchmarks/reconstruct_quality.py FILE > runs/quality-kspace-multicoil-NAME.txt
    python scripts/ship_kspace_weights.py runs       # again: the cards quote what was measured
"""

import argparse
import hashlib
import json
from pathlib import Path

from finemri.recipes import Unrolled, revive
from finemri.training.weights import load_weights, save_weights

SHIPPED = Path(__file__).parent.parent / "src" / "finemri" / "weights"
RUNS = {"kspace-multicoil": "several receive coils", "kspace-singlecoil": "one receive coil"}


def main() -> None:
    """Ship what is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path)
    given = parser.parse_args()
    index_file = SHIPPED / "index.json"
    index = json.loads(index_file.read_text())
    for name, coils in RUNS.items():
        path, trained = SHIPPED / f"{name}.safetensors", given.runs / name / "fidelity.safetensors"
        if trained.is_file():
            save_weights(path, *load_weights(trained))
        if path.is_file():
            tensors, header = load_weights(path)
            index[name] = {
                "recipe": name,
                "job": "reconstruct",
                "stage": header["stage"],
                "parameters": sum(t.numel() for t in tensors.values()),
                "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
                "licence": "Apache-2.0",
            }
            path.with_suffix(".md").write_text(card(name, coils, index[name], header, given.runs))
    index_file.write_text(json.dumps(dict(sorted(index.items())), indent=2) + "\n")


def card(name: str, coils: str, facts: dict[str, object], header: dict[str, object], runs: Path) -> str:
    """The model card."""
    recipe = revive(header)
    assert isinstance(recipe, Unrolled)
    told = [path.read_text().strip() for path in sorted(runs.glob(f"quality-{name}-*.txt"))]
    return CARD.format(
        name=name,
        coils=coils,
        steps=recipe.steps,
        features=recipe.features,
        patterns=", ".join(dict.fromkeys(recipe.scanning.patterns)),
        accelerations=", ".join(f"{a:g}" for a in recipe.scanning.accelerations),
        receivers=" to ".join(str(n) for n in dict.fromkeys(recipe.scanning.coils)),
        noise=recipe.scanning.noise[1],
        rounds=header["rounds"],
        history=HISTORY[name],
        batch=recipe.batch,
        recipe=name,
        measured="\n\n".join(f"```\n{text}\n```" for text in told) or "Not measured yet.",
        **{key: facts[key] for key in ("parameters", "sha256")},
    )


_START = (
    "Begun with 600 rounds under L1, with one damping for all scans and less noise, and 1,800 rounds under `log_mse`; "
    "both were stopped to mend the network (the first in mid-schedule), and their averaged weights went on through "
)
HISTORY = {
    "kspace-multicoil": _START
    + "850 and 800 rounds at rates of 4e-4 and 3e-4, and last the rounds above (`--recipe.fidelity-rounds 4000 "
    "--recipe.rate 3e-4`), each with `--start`.",
    "kspace-singlecoil": _START
    + "700 and 900 rounds with one coil at rates of 4e-4 and 3e-4, and, when a real slice turned out noisier than any "
    "of training, 260 rounds with more noise (0.003 to 0.1); and last the rounds above, noise as the recipe has it "
    "(`--recipe.rate 3e-4`), each with `--start`.",
}
CARD = """# {name}

Reconstruction of undersampled k-space of heads, {coils}: a cascade of {steps} small U-Nets ({features} maps) and
conjugate gradients towards the data. Trained for fidelity alone, first under the mean absolute error and
then under the logarithm of each slice's squared error, without a critic.

- **Recipe**: `{recipe}` (kind Unrolled), {rounds} rounds of {batch} slices
- **Parameters**: {parameters:,}
- **Licence**: Apache-2.0
- **SHA-256**: `{sha256}`

## Trained on

- Two T1w heads, one of the studyforrest project (PDDL, public domain) and one under the MIT licence, sliced along
  every axis
- Label maps of 18 people, SynthSeg (Apache-2.0): every slice with a contrast of its own, half of them T1-like; two more
  people were watched in validation

All k-space was simulated: smooth random phase, {receivers} simulated coils, complex noise of up to {noise:g} of the
brightest tissue, masks {patterns} at {accelerations}×, a fresh one for each slice. No measured k-space was trained on.

These weights were not made by one unbroken run of the command below. {history}

Retrain, then ship:

    finemri train {recipe} --cohort ../shared/data/thin_t1_dicom ../shared/data/head_t1_1mm ../shared/data/label_maps \\
        --shares 1 1 2 --into runs/{recipe}
    python scripts/ship_kspace_weights.py runs

## Measured

On real k-space that was fully sampled and then undersampled (`python benchmarks/reconstruct_quality.py FILE`). The
16-coil slice was not trained on, but looked at while noise, loss and damping were chosen: its numbers lean towards the
hopeful side. The single-coil slice was looked at once before the last rounds, which it led to.

{measured}

## Limits

No pathology, no contrast agent, no other body part was ever seen. Detail beyond what was measured is a guess from
anatomy in general, not evidence about this patient: not for diagnosis. Motion, blurring by T2 decay and non-Cartesian
trajectories are not what it was trained for.
"""

if __name__ == "__main__":
    main()
