r"""Put the weights for the medial temporal lobe where they ship, with digest and model card.

    finemri train mtl-x2 --cohort ../shared/data/hippocampus --into runs/mtl-x2 \
        --start src/finemri/weights/volume-x2-faithful.safetensors
    python scripts/ship_mtl_weights.py runs/mtl-x2 --data ../shared/data
    finemri evaluate --cohort ../shared/data/hippocampus --people runs/mtl-x2/split-1.json --part validation --scale 2 \
        --methods spline,volume-x2-faithful,mtl-x2-faithful,mtl-x2-sharp --degradation blur --into runs/mtl-x2/blur
    finemri evaluate … --degradation kspace --into runs/mtl-x2/kspace
    python scripts/ship_mtl_weights.py runs/mtl-x2 --data ../shared/data

The card quotes the tidy CSVs of the two evaluations, where they are there.
"""

import argparse
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from ship_weights import SHIPPED, STAGES, STYLES, portrait, ranges

from finemri.cohorts.layouts import find_cohort
from finemri.cohorts.split import Split
from finemri.measures.statistics import Gain, gains
from finemri.measures.tidy import read_rows
from finemri.recipes import VolumeSRGAN, revive
from finemri.training.weights import load_weights, save_weights
from finemri.volumes.files import open_volume
from finemri.volumes.volume import Volume

LICENCE = "CC-BY-SA-4.0"
PORTRAYED = 12
"""People that the portrait is drawn of."""


def main() -> None:
    """Ship what is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    given = parser.parse_args()
    index_file = SHIPPED / "index.json"
    index = json.loads(index_file.read_text())
    for style, stage in STAGES.items():
        path = SHIPPED / f"mtl-x2-{style}.safetensors"
        tensors, header = load_weights(given.run / f"{stage}.safetensors")
        recipe = revive(header)
        assert isinstance(recipe, VolumeSRGAN)
        seen = portrait(recipe, learnt_from(given.data, given.run))
        save_weights(path, tensors, {**header, "portrait": seen, "licence": LICENCE})
        index[path.stem] = {
            "recipe": header["recipe"],
            "stage": header["stage"],
            "scale": recipe.scale,
            "parameters": sum(t.numel() for t in tensors.values()),
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "licence": LICENCE,
        }
        card(path, style, index[path.stem], given.run)
    index_file.write_text(json.dumps(dict(sorted(index.items())), indent=2) + "\n")


def learnt_from(data: Path, run: Path) -> Iterator[Volume]:
    """Some of those who were."""
    learners, _, _ = Split.load(run / "split-1.json").of(find_cohort(data / "hippocampus"))
    for person in learners.subjects[:: len(learners) // PORTRAYED]:
        yield open_volume(person.images[0])


def measured(name: str, run: Path) -> Iterator[str]:
    """Gains over the spline by person, with their intervals."""
    for kind, title in (("blur", "blur"), ("kspace", "k-space truncation")):
        table = run / kind / "measures.csv"
        for gain in gains(read_rows(table), "spline") if table.is_file() else []:
            if gain.method == name and gain.mask == "head" and gain.measure in ("psnr", "ssim", "hfen"):
                yield line(title, gain)


def line(title: str, gain: Gain) -> str:
    """A row of the card."""
    return f"| {title} ×2 | {gain.measure} | {gain.mean:+.3f} | {gain.low:+.3f} to {gain.high:+.3f} | {gain.people} |"


def card(path: Path, style: str, facts: dict[str, object], run: Path) -> None:
    """The model card beside the weights."""
    _, header = load_weights(path)
    rows = list(measured(path.stem, run))
    table = [
        "| degradation | measure | gain over cubic spline | 95 % interval | people |",
        "|---|---|---|---|---|",
        *rows,
    ]
    text = CARD.format(
        name=path.stem,
        style=style,
        describes=STYLES[style],
        **facts,
        rounds=header["rounds"],
        start=header["start_sha256"],
        measured="\n".join(table) if rows else "Not measured yet.",
        portrait="\n".join(f"| {k} | {low:.3g} | {high:.3g} |" for k, (low, high) in sorted(ranges(header).items())),
    )
    path.with_suffix(".md").write_text(text)


CARD = """# {name}

×2 super-resolution of T1w images of the medial temporal lobe (hippocampus and around it), *{style}*. {describes}

- **Recipe**: `{recipe}` (kind ResidualSR3D, 48 maps, 8 blocks), {rounds} rounds of 8 patches
- **Parameters**: {parameters:,}
- **Licence**: CC BY-SA 4.0, as the images that it learnt from; the rest of finemri is Apache-2.0
- **SHA-256**: `{sha256}`

## Trained on

180 of the 200 T1w crops of the medial temporal lobe, 1 mm, of the Medical Segmentation Decathlon, task 4 (hippocampus),
Vanderbilt University Medical Center; Antonelli et al., *Nature Communications*, 2022; CC BY-SA 4.0. The files were not
changed.

Begun from `volume-x2-faithful` (SHA-256 `{start}`).
Whole crops are made coarse, edges and all, by Gaussian blur (σ = 1 mm) and decimation or by k-space truncation at equal
shares, then cut; half of the patches have noise. Retrain, then ship: the commands stand in
`scripts/ship_mtl_weights.py`, and these weights are what they made, in one run.

## Measured

On the 20 people held out by the training's own split, none of whom was learnt from; mean over people, inside the head
(for these crops nearly the whole field). In training their validation error was written down, and nothing was chosen by
it.

{measured}

## Limits

Healthy and psychotic adults of one hospital's cohort, T1w, 1 mm. Nothing but the medial temporal lobe. Detail beyond
what was measured is a guess from anatomy in general, not evidence about this patient: not for diagnosis. Inputs are
compared with the training, and `enhance` warns outside of:

| feature | lowest | highest |
|---|---|---|
{portrait}
"""

if __name__ == "__main__":
    main()
