"""A sixth of k-space, and what a segmenter still finds: RecNet and its refinement (Seitzer et al., MICCAI 2018;
docs/papers/004.md).

    python examples/004_refined_kspace.py [--cohort FOLDER_OF_SCANS_WITH_LABELS] [--figure FILE.png]

R brings an image back from few lines of k-space by squared error, and is frozen; V adds what a critic misses in it. The
paper's point is the judge: not decibels alone but SIS, the Dice of what a segmenter finds in the reconstruction over
the Dice of what it finds in the truth. The paper's is the left atrium, here it is the grey matter.
"""

# %% Settings, and people with label maps

from dataclasses import replace

from finemri.evaluate import People, evaluate_reconstruction
from finemri.recipes import RECIPES
from finemri.train import train
from gallery import means, named, one_slice, picture, settings, tell
from people import LABELS, make_people

run = settings(__doc__, "004")
cohort = run.cohort or make_people(run.into / "people", spacing=(3.0, 3.0, 4.0), shape=(56, 64, 12), quick=run.quick)
matrix = (32, 32) if run.quick else (56, 64)

# %% The judge learns on fully sampled images

judge = replace(
    RECIPES["segmenter"],
    classes=len(LABELS) + 1,
    features=8,
    scales=3,
    matrix=matrix,
    rounds=run.rounds(150),
    rate=3e-3,
    schedule="cosine",
)
learn = {"cohorts": [cohort], "held_out": 0.25, "precision": "32-true", "workers": 0}
segmenter = train(judge, into=run.into / "segmenter", **learn)

# %% R, then V on it. Without VGG's weights, which nobody downloads here, V has the squared error beside its critic

recipe = replace(
    RECIPES["recnet-refined"],
    scanning=replace(RECIPES["recnet-refined"].scanning, accelerations=(6.0,), acs=4 / matrix[0], matrices=(matrix,)),
    perceptual=0.0,
    mse=1.0,
    penalty=0.0,
    gate=0.1,
    critic_maps=(32, 64, 128, 128),
    reconstructor_rounds=run.rounds(300),
    refinement_rounds=run.rounds(80),
    batch=8,
    refinement_batch=4,
    rate=1e-3,
    schedule="cosine",
)
refined = train(recipe, into=run.into / "training", **learn)
weights = {"RecNet": refined.with_name("reconstructor.safetensors"), "refined": refined}

# %% Examine on those who were held out

table = evaluate_reconstruction(
    cohort,
    ["zero-filled", "l1-wavelet", *map(str, weights.values())],
    sampling=recipe.scanning.samplings()[0],
    into=run.into / "exam",
    matrix=matrix,
    segmenter=segmenter,
    people=People((run.into / "training" / "split-1.json",)),
    save_images=True,
)
names = {"zero-filled": "zero-filled", "l1-wavelet": "ℓ1-wavelet", **named(weights)}
found = means(table, names, "full")
sis = f"sis-{LABELS['grey matter']}"
tell(found, {"psnr": ".2f", sis: ".3f"})

# %% Look

images = run.into / "exam" / "images"
person = sorted(images.glob("*_truth.npy"))[0].name.removesuffix("_truth.npy")
picture(
    {title: one_slice(images / f"{person}_{label}.npy") for label, title in {"truth": "truth", **names}.items()},
    {t: f"{n['psnr']:.2f} dB   SIS {n[sis]:.3f}" for t, n in found.items()},
    "a sixth of the lines of k-space; SIS: does a segmenter still find the grey matter?",
    run.figure,
)
