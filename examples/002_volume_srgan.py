"""Whole volumes, twice as fine: 3D SRGAN (Sanchez & Vilaplana, MIDL 2018; docs/papers/002.md).

    python examples/002_volume_srgan.py [--cohort FOLDER_OF_SCANS] [--figure FILE.png]

A generator learns to undo blur and decimation in 3D: first by the error alone ("faithful"), then against a critic that
has seen sharp volumes ("adversarial"). The trade that the paper is about: the critic's images are sharper, and what is
sharp in the wrong place costs decibels.
"""

# %% Settings, and people to learn from

from dataclasses import replace

from finemri.evaluate import People, evaluate
from finemri.recipes import RECIPES
from finemri.train import train
from gallery import means, named, one_slice, picture, settings, tell
from people import make_people

run = settings(__doc__, "002")
cohort = run.cohort or make_people(run.into / "people", spacing=(2.0, 2.0, 2.0), shape=(80, 96, 40), quick=run.quick)

# %% The recipe: that of the weights that ship, with a smaller network and minutes instead of hours

recipe = replace(
    RECIPES["volume-x2"],
    features=24,
    blocks=4,
    patch=(12, 12, 12),
    degradations=("blur",),
    noise=0.0,
    contrast_jitter=False,
    zoom=(1.0, 1.0),
    fidelity_rounds=run.rounds(500),
    fidelity_rate=1e-3,
    adversarial_rounds=run.rounds(150),
    adversarial=1.0,
    generator_rate=3e-4,
    critic_rate=1e-3,
    ema=0.98,
    precision="fp32",
)

# %% Learn. An eighth of the people is held out; both stages leave their weights

adversarial = train(
    recipe, cohorts=[cohort], into=run.into / "training", held_out=0.125, precision="32-true", workers=0
)
weights = {"faithful": adversarial.with_name("fidelity.safetensors"), "adversarial": adversarial}

# %% Examine on those who were held out, beside the spline that every method must beat

table = evaluate(
    cohort,
    ["spline", *map(str, weights.values())],
    degradation="blur",
    into=run.into / "exam",
    people=People((run.into / "training" / "split-1.json",)),
    save_images=True,
)
names = {"spline": "spline", **named(weights)}
found = means(table, names)
tell(found, {"psnr": ".2f", "ssim": ".4f", "gradient-energy": ".2f"})

# %% Look

images = run.into / "exam" / "images"
person = sorted(images.glob("*_truth.nii.gz"))[0].name.removesuffix("_truth.nii.gz")
picture(
    {title: one_slice(images / f"{person}_{label}.nii.gz") for label, title in {"truth": "truth", **names}.items()},
    {t: f"{n['psnr']:.2f} dB   sharpness {n['gradient-energy']:.0%}" for t, n in found.items()},
    "3D super-resolution ×2 after blur and decimation: somebody whom the training never saw",
    run.figure,
)
