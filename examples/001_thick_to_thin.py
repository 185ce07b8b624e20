"""Thick slices become thin ones: SRGAN on people who were scanned twice (Narcomey & Gu, 2019; docs/papers/001.md).

    python examples/001_thick_to_thin.py [--cohort PAIRS] [--figure FILE.png]

A quick series has few thick slices, a slow one many thin ones. Each thick slice is paired with the thin one where the
patient lay, and an SRResNet learns to turn one into the other; it then goes on as the generator of an SRGAN. PAIRS is a
folder that `finemri pair THICK THIN --into PAIRS` made of your own scans.
"""

# %% Settings, people, and their second scan: simulated, as nobody here was really scanned twice

from dataclasses import replace
from pathlib import Path

from finemri.cohorts.layouts import find_cohort
from finemri.cohorts.rescan import PRESETS
from finemri.evaluate import People, evaluate_pairs
from finemri.pair import Pairing, pair
from finemri.recipes import RECIPES
from finemri.rescan import rescan
from finemri.train import train
from gallery import means, named, one_slice, picture, settings, tell
from people import make_people

run = settings(__doc__, "001")


def paired() -> Path:
    """Thick slices (two to three thin ones each) of people who lie still, as DICOM; then slice to slice by position."""
    thin = make_people(run.into / "people", spacing=(2.0, 2.0, 2.0), shape=(80, 96, 40), quick=run.quick) / "images"
    thick = run.into / "thick"
    if not thick.exists():
        still = replace(PRESETS["thick"], thickness=(2.0, 3.0), gap=(0.0, 0.1), rotation=0.0, translation=0.0)
        rescan(thin, thick, still)
    return pair(thick, thin, into=run.into / "pairs", settings=Pairing(by="slices", registration="none"))


cohort = run.cohort or paired()

# %% The recipe: as on the shelf, with a smaller network, and without VGG's weights, which nobody downloads here

recipe = replace(
    RECIPES["slice-srgan"],
    features=16,
    blocks=4,
    critic_features=16,
    perceptual=0.0,
    adversarial=1e-3,
    srresnet_rounds=run.rounds(250),
    adversarial_rounds=run.rounds(100),
    patch=(32, 32),
    batch=8,
    rate=1e-3,
    schedule="cosine",
)

# %% Learn; an eighth of the people is held out

srgan = train(recipe, cohorts=[cohort], into=run.into / "training", held_out=0.125, precision="32-true", workers=0)
weights = {"SRResNet": srgan.with_name("srresnet.safetensors"), "SRGAN": srgan}

# %% Examine: the thick slice as it is, called spline at scale 1, is what has to be beaten

table = evaluate_pairs(
    cohort,
    ["spline", *map(str, weights.values())],
    into=run.into / "exam",
    people=People((run.into / "training" / "split-1.json",)),
    save_images=True,
)
names = {"spline": "thick slice", **named(weights)}
found = means(table, names)
tell(found, {"mse": ".5f", "psnr": ".2f", "ssim-slices": ".4f"})

# %% Look: a match from the middle, in the thick scan and in the thin one

images = run.into / "exam" / "images"
person = sorted(images.glob("*_truth.nii.gz"))[0].name.removesuffix("_truth.nii.gz")
matches = find_cohort(cohort).only([person]).subjects[0].pairs[0].matches
ours, theirs = matches[len(matches) // 2]
picture(
    {"truth": one_slice(images / f"{person}_truth.nii.gz", theirs)}
    | {title: one_slice(images / f"{person}_{label}.nii.gz", ours) for label, title in names.items()},
    {t: f"{n['psnr']:.2f} dB   SSIM {n['ssim-slices']:.4f}" for t, n in found.items()},
    "from a thick slice to the thin one at its place, paired by position",
    run.figure,
)
