"""A third of k-space, and the true images of hardly anybody: GANs with few or unpaired labels (Lei & Mardani, 2019;
docs/papers/000.md).

    python examples/000_few_labels.py [--cohort FOLDER_OF_SCANS] [--figure FILE.png]

A fully sampled scan costs scanner time. So the same network learns three times: from the true images of everybody, from
those of two people, and from those of two people who are never shown beside their own k-space, so that nothing but a
critic tells what is right. The paper's images are knees; these are heads.
"""

# %% Settings, and people to measure

from dataclasses import replace

from finemri.evaluate import People, evaluate_reconstruction
from finemri.recipes import RECIPES
from finemri.train import train
from gallery import means, named, one_slice, picture, settings, tell
from people import make_people

run = settings(__doc__, "000")
cohort = run.cohort or make_people(run.into / "people", spacing=(5.0, 5.0, 4.0), shape=(32, 40, 12), quick=run.quick)
matrix = (16, 20) if run.quick else (32, 40)

# %% The paper's baseline, LSGAN + L1; and its Wasserstein critic, which needs no pairs

supervised = replace(
    RECIPES["kspace-lsgan-l1"], adversarial_rounds=run.rounds(500), batch=2, rate=5e-4, clip=1.0, schedule="cosine"
)
scanning = replace(supervised.scanning, matrices=(matrix,))
many = replace(supervised, scanning=scanning)
few = replace(supervised, scanning=replace(scanning, labels=2))
unpaired = replace(
    RECIPES["kspace-wgan-gp"],
    scanning=replace(scanning, labels=2, unpaired=True),
    adversarial_rounds=run.rounds(12),
    batch=2,
)

# %% Learn; a quarter of the people is held out, the same for all. From scratch the critic would take far longer: it
# goes on from the network of two people

learn = {"cohorts": [cohort], "held_out": 0.25, "precision": "32-true", "workers": 0}
weights = {
    "12 labelled": train(many, into=run.into / "12-labelled", **learn),
    "2 labelled": train(few, into=run.into / "2-labelled", **learn),
}
weights["2, then unpaired"] = train(unpaired, into=run.into / "unpaired", start=weights["2 labelled"], **learn)

# %% Examine on those who were held out: the same k-space for every method

table = evaluate_reconstruction(
    cohort,
    ["zero-filled", "l1-wavelet", *map(str, weights.values())],
    sampling=scanning.samplings()[0],
    one_mask=True,
    phase=True,
    matrix=matrix,
    into=run.into / "exam",
    people=People((run.into / "12-labelled" / "split-1.json",)),
    save_images=True,
)
names = {"zero-filled": "zero-filled", "l1-wavelet": "ℓ1-wavelet", **named(weights)}
found = means(table, names, "full")
tell(found, {"snr": ".2f", "ssim-slices": ".4f"})

# %% Look

images = run.into / "exam" / "images"
person = sorted(images.glob("*_truth.npy"))[0].name.removesuffix("_truth.npy")
shown = {"truth": "truth", **{label: title for label, title in names.items() if label != "l1-wavelet"}}
picture(
    {title: one_slice(images / f"{person}_{label}.npy") for label, title in shown.items()},
    {title: f"SNR {n['snr']:.2f} dB" for title, n in found.items() if title in shown.values()},
    "a third of k-space; whose true images the network learnt from",
    run.figure,
)
