"""From a low field to a high one, learnt from people who were scanned at both (Ravikumar et al.; docs/papers/003.md).

    python examples/003_low_to_high_field.py [--cohort PAIRS] [--figure FILE.png]

The weaker scanner gives larger voxels, less contrast, more blur and noise; its scan is laid on the grid of the stronger
one, and a U-Net learns patch by patch what is missing, alone or against a critic. PAIRS is a folder that
`finemri pair LOW HIGH --into PAIRS` made of your own scans. The paper's are specimens at 7 and 9.4 tesla.
"""

# %% Settings, people, and their scan at the weaker scanner: simulated

from dataclasses import replace
from pathlib import Path

from finemri.cohorts.rescan import PRESETS
from finemri.evaluate import People, evaluate_pairs
from finemri.pair import Pairing, pair
from finemri.recipes import RECIPES
from finemri.rescan import rescan
from finemri.train import train
from gallery import means, named, one_slice, picture, settings, tell
from people import make_people

run = settings(__doc__, "003")


def paired() -> Path:
    """A scan with voxels twice as wide of people who lie still, laid on the grid of the fine one."""
    high = make_people(run.into / "people", spacing=(2.0, 2.0, 2.0), shape=(80, 96, 40), quick=run.quick) / "images"
    low = run.into / "low"
    if not low.exists():
        still = replace(PRESETS["low-field"], bias=0.1, rotation=0.0, translation=0.0)
        rescan(high, low, still, kind="nifti")
    return pair(low, high, into=run.into / "pairs", settings=Pairing(by="volumes", registration="none"))


cohort = run.cohort or paired()

# %% The paper's model 7 with a gentler critic, and its generator without one, which the paper lacks as a control

shared = {
    "rounds": run.rounds(160),
    "batch": 8,
    "axes": (2,),
    "per_person": 0,
    "flips": True,
    "tanh": False,
    "residual": True,  # learn the correction: the paper's whole images take thousands of rounds
    "schedule": "cosine",
    **({"patch": 32} if run.quick else {}),
}
recipes = {
    "U-Net": replace(RECIPES["field-unet"], **shared),
    "U-Net and critic": replace(RECIPES["field-gan-7"], adversarial=0.02, **shared),
}

# %% Learn; an eighth of the people is held out, the same for both

weights = {
    title: train(
        recipe,
        cohorts=[cohort],
        into=run.into / title.replace(" ", "-"),
        held_out=0.125,
        precision="32-true",
        workers=0,
    )
    for title, recipe in recipes.items()
}

# %% Examine: the low-field scan on the fine grid, called spline at scale 1, is what has to be beaten

table = evaluate_pairs(
    cohort,
    ["spline", *map(str, weights.values())],
    into=run.into / "exam",
    people=People((run.into / "U-Net" / "split-1.json",)),
    save_images=True,
)
names = {"spline": "low field, spline", **named(weights)}
found = means(table, names)
tell(found, {"psnr": ".2f", "ssim": ".4f", "hfen": ".3f"})

# %% Look

images = run.into / "exam" / "images"
person = sorted(images.glob("*_truth.nii.gz"))[0].name.removesuffix("_truth.nii.gz")
picture(
    {title: one_slice(images / f"{person}_{label}.nii.gz") for label, title in {"truth": "truth", **names}.items()},
    {t: f"{n['psnr']:.2f} dB   SSIM {n['ssim']:.4f}" for t, n in found.items()},
    "a simulated low-field scan, and what is made of it, against the high-field scan of the same person",
    run.figure,
)
