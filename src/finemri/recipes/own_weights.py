"""Weights that one scan teaches: learnt from its own planes, or found again by its digest."""

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from finemri.cohorts.own_patches import OwnPatches
from finemri.losses.fidelity import mean_absolute
from finemri.networks.through_plane import ThroughPlane
from finemri.recipes.network_enhancer import Precision
from finemri.recipes.players import cosine
from finemri.refusal import Refusal
from finemri.training.chance import aside, sow
from finemri.training.games import Batch, Supervised
from finemri.training.player import Player
from finemri.training.stage import Examples
from finemri.training.weights import digest, load_weights, save_weights
from finemri.volumes.tiles import Progress

if TYPE_CHECKING:
    from finemri.recipes.self_super import SelfSuper

Start = Mapping[str, Tensor]
"""Weights of a ThroughPlane of the same size."""
MADE_BY = 1
"""Of the cache: one more whenever the same scan and settings would teach something else."""


def own_network(
    settings: "SelfSuper",
    examples: OwnPatches,
    *,
    start: Start | None,
    cache: Path | None,
    device: torch.device,
    precision: Precision,
    progress: Progress | None,
) -> tuple[nn.Module, dict[str, object]]:
    """The network of this scan, and what the provenance tells of it.

    With ``cache``, a folder, it is kept there as ``<digest>.safetensors``, whole or not at all, and found again by the
    digest of the scan, the settings and the weights it started from. Raises Refusal for ``start`` of another network,
    for a file of the cache that is damaged, and, before it learns, for a cache that cannot be written to.
    """
    told: dict[str, object] = {
        "kind": "SelfSuper",
        "settings": {
            **asdict(settings),
            "learnt_from": "this scan alone" if start is None else "given weights, then this scan alone",
            "start_sha256": None if start is None else digest(start),
        },
        "precision": precision,
        "device": device.type,
    }
    key = _digest(examples, told)
    path = None if cache is None else cache / f"{key}.safetensors"
    network: nn.Module = _fresh(settings, start)
    if path is not None and path.exists():
        try:
            network.load_state_dict(load_weights(path)[0])
        except (Refusal, RuntimeError) as damage:  # RuntimeError: tensors of another network
            raise Refusal(
                f"What this scan taught is damaged ({path}); take that file away, and the scan teaches again."
            ) from damage
    else:
        if cache is not None:
            _check_cache(cache)
        network = learn(network, settings, examples, device, precision, progress)
        if path is not None:
            save_weights(path, network.state_dict(), told)
    told["weights_sha256"] = digest(network.state_dict())
    network = network.to(device).eval().requires_grad_(False)  # noqa: FBT003
    return network.to(memory_format=torch.channels_last), told  # type: ignore[call-overload]


def _check_cache(cache: Path) -> None:
    with suppress(OSError):
        cache.mkdir(mode=0o700, parents=True, exist_ok=True)  # weights may tell of the one scan that they learnt from
    if not (cache.is_dir() and os.access(cache, os.W_OK | os.X_OK)):
        raise Refusal(
            f"What a scan taught cannot be kept in {cache}; choose another folder (--cache FOLDER), or keep nothing "
            "(--cache off)."
        )


def _fresh(settings: "SelfSuper", start: Start | None) -> ThroughPlane:
    with aside():
        sow(settings.seed, "through plane")
        network = ThroughPlane(settings.phases, settings.features, settings.blocks)
    if start is not None:
        own = {name: tensor.shape for name, tensor in network.state_dict().items()}
        if own != {name: tensor.shape for name, tensor in start.items()}:
            raise Refusal("The weights to start from are of another network; give those of the same settings, or none.")
        network.load_state_dict(start)
    return network


def learn(
    network: nn.Module,
    settings: "SelfSuper",
    examples: Examples,
    device: torch.device,
    precision: Precision = "fp32",
    progress: Progress | None = None,
) -> nn.Module:
    """argmin Σ |network(coarse) − fine|, as far as ``settings.rounds`` steps of Adam come; the averaged weights.

    ``progress`` hears (rounds done, rounds in all). Raises Refusal where learning diverges.
    """
    network.to(device)
    learner = Player(
        network,
        torch.optim.Adam(network.parameters(), lr=settings.learning_rate),
        clip=1.0,
        schedule=cosine(settings.rounds),
        ema=0.99,
        channels_last=True,
    )
    game = Supervised(learner, {"absolute": (1.0, mean_absolute)})
    for number in range(settings.rounds):
        learner.begin(number)
        batch = _batch(examples, number, settings.batch, device)
        with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
            heard = game.round([batch])
        if progress is not None:
            progress(number + 1, settings.rounds)
    if not bool(heard["generator"].isfinite()):
        raise Refusal("Learning from this scan diverged; lower the learning rate.")
    return learner.average


def _batch(examples: Examples, number: int, size: int, device: torch.device) -> Batch:
    drawn = [examples[n] for n in range(number * size, (number + 1) * size)]
    together = {key: torch.stack([example[key] for example in drawn]) for key in drawn[0]}
    return {key: each.to(device).contiguous(memory_format=torch.channels_last) for key, each in together.items()}


def _digest(examples: OwnPatches, settings: Mapping[str, object]) -> str:
    """SHA-256 of the voxels as they are learnt from, their grid, and all that decides what is learnt."""
    grid = [examples.in_plane, examples.spacing, examples.thickness, examples.target, examples.noise]
    grid.append(examples.profile)
    words = json.dumps([MADE_BY, examples.voxels.shape, grid, settings], sort_keys=True)
    total = hashlib.sha256(words.encode())
    for plane in examples.voxels.transpose(2, 0, 1):
        total.update(plane.tobytes())
    return total.hexdigest()
