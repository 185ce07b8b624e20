"""The verb train: a recipe and cohorts become weights."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from finemri.recipes import RECIPES, FieldCycle, Recipe, Scanning, describe
from finemri.refusal import Refusal

FEWEST = 10
"""People that a cohort must have before some of them are held out."""

WATCHED = {
    "super-resolve": (("coarse",), "fine"),
    "restore": (("coarse",), "fine"),
    "synthesise": (("coarse",), "fine"),
    "reconstruct": (("kspace", "mask", "sensitivities"), "image"),
}
"""Job -> what the generator gets, and what it should come to, by the keys of an example."""

if TYPE_CHECKING:
    from torch import nn

    from finemri.cohorts.cohort import Cohort


def train(
    recipe: Recipe,
    *,
    cohorts: Sequence[Path],
    into: Path,
    shares: Sequence[float] | None = None,
    held_out: float = 0.1,
    seed: int = 0,
    device: str = "auto",
    devices: int | str = "auto",
    precision: str = "bf16-mixed",
    threads: int | None = None,
    workers: int = 1,
    checkpoint_every: int = 200,
    start: Path | None = None,
) -> Path:
    """Play the recipe's stages on patches of the cohorts; returns the last stage's weights. Run again, it resumes.

    ``held_out`` is the share of people, in each cohort of at least ten people, who are kept for validation: the split
    is by
    person and stored in ``into/split-1.json`` …. ``shares``: how often each cohort is drawn, equally unless told.
    ``start``: weights that the generator begins with, of a recipe with the same network; their digest goes into the
    header.
    Raises Refusal for cohorts, settings or a directory that do not fit, and where somebody who would be held out looks
    like somebody who would be learnt from; TrainingDiverged where a loss is not finite.
    """
    import torch
    from lightning_fabric import Fabric

    from finemri import __version__
    from finemri.cohorts.layouts import find_cohort
    from finemri.cohorts.seen import FIELD, learnt_from
    from finemri.training.loop import play

    if threads is not None:
        torch.set_num_threads(threads)
    found = [find_cohort(path) for path in cohorts]
    if not found:
        raise Refusal("A training needs at least one cohort; give its folder with --cohort.")
    shares = [1.0] * len(found) if shares is None else list(shares)
    learning, held = _split(found, held_out, seed, into)
    examined, watching = _as_watched(recipe, held)
    fabric = Fabric(accelerator=device, devices=devices if device != "cpu" else 1, precision=precision)  # type: ignore[arg-type]
    fabric.launch()
    fabric.seed_everything(seed, verbose=False)
    examples = recipe.examples(learning, shares, seed)
    header = {
        **describe(_name(recipe), recipe),
        "finemri": __version__,
        "seed": seed,
        "shares": shares,
        "held_out": held_out,
        "precision": precision,
        "people": [len(cohort) for cohort in learning],
    }
    if (grid := getattr(examples, "grid", None)) is not None:
        header["grid"] = list(grid)
    generator = recipe.generator()
    before: list[object] = []
    if start is not None:
        header["start_sha256"], before = _begin_with(generator, start)
    header[FIELD] = [learnt_from(learning, seed), *before]
    return play(
        recipe.stages(generator, examples),
        fabric=fabric,
        directory=into,
        header=header,
        seed=seed,
        workers=workers,
        every=checkpoint_every,
        validate=_validation(examined, watching, seed) if watching and recipe.job in WATCHED else None,
    )


def _name(recipe: Recipe) -> str:
    """The shelf's name of these settings, or of the recipe's class where they are the user's own."""
    return next((name for name, known in RECIPES.items() if known == recipe), type(recipe).__name__)


def _begin_with(generator: "nn.Module", path: Path) -> tuple[str, list[object]]:
    """Load weights into the generator; their digest, and who they were learnt from."""
    import hashlib

    from finemri.cohorts.seen import told_by
    from finemri.training.weights import load_weights

    tensors, header = load_weights(path)
    try:
        generator.load_state_dict(tensors)
    except RuntimeError as error:
        raise Refusal(
            f"{path} holds weights of another network (recipe {header.get('recipe')}); start from those of this recipe."
        ) from error
    return hashlib.sha256(path.read_bytes()).hexdigest(), told_by(header)


def _split(cohorts: "Sequence[Cohort]", held_out: float, seed: int, into: Path) -> "tuple[list[Cohort], list[Cohort]]":
    """Each cohort without the people held out, and those, nobody maybe; written down once and kept by every resume."""
    from finemri.cohorts.duplicates import refuse_alike
    from finemri.cohorts.split import Split, split

    into.mkdir(parents=True, exist_ok=True)
    learning, watching = [], []
    for number, cohort in enumerate(cohorts, start=1):
        path = into / f"split-{number}.json"
        if path.is_file():
            dealt = Split.load(path)
        else:
            enough = held_out > 0 and len(cohort) >= FEWEST
            dealt = split(cohort, (1 - held_out, held_out, 0.0), seed) if enough else Split(tuple(cohort.names))
            kept, others, _ = dealt.of(cohort)
            refuse_alike(kept.subjects, others.subjects)
            dealt.save(path)
        train, validation, _ = dealt.of(cohort)
        learning.append(train)
        watching.append(validation)
    return learning, watching


def _as_watched(recipe: Recipe, held: "Sequence[Cohort]") -> "tuple[Recipe, list[Cohort]]":
    """The recipe with the own true image of everybody held out, whatever it learns from; and whom it is for."""
    from finemri.cohorts.cohort import Cohort

    scanning = getattr(recipe, "scanning", None)
    lender = 0
    if isinstance(scanning, Scanning):
        lender = scanning.labels_from
        told = replace(scanning, labels=0, unpaired=False, labels_from=0)
        recipe = replace(recipe, scanning=told)  # type: ignore[type-var]
    if isinstance(recipe, FieldCycle):  # only pairs can tell
        recipe = replace(recipe, unpaired=False)
        held = [Cohort(tuple(person for person in cohort.subjects if person.pairs)) for cohort in held]
    return recipe, [cohort for n, cohort in enumerate(held, start=1) if len(cohort) and n != lender]


def _validation(
    recipe: Recipe, cohorts: "Sequence[Cohort]", seed: int, count: int = 16
) -> "Callable[[nn.Module], dict[str, float]]":
    """PSNR, peak 1, and L1 over the same few examples of the people held out, in normalised units."""
    import torch

    from finemri.losses.fidelity import mean_absolute

    examples = recipe.examples(cohorts, [1.0] * len(cohorts), seed + 1)
    batch = [examples[n] for n in range(count)]
    inputs, target = WATCHED[recipe.job]

    def validate(generator: "nn.Module") -> dict[str, float]:
        device = next(iter(generator.state_dict().values())).device  # a forest has no parameters
        errors, distances = [], []
        for example in batch:  # one at a time: their matrices may differ
            made = generator(*(example[key][None].to(device) for key in inputs)).cpu()
            true = example[target][None]
            errors.append((made - true).abs().float().square().mean())
            distances.append(mean_absolute(made, true))
        return {
            "psnr": float(-10 * torch.log10(torch.stack(errors)).mean()),
            "l1": float(torch.stack(distances).mean()),
        }

    return validate
