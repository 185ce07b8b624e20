"""A training small enough for tests, with everything in it that a resume could forget; a script for those to be killed.

python tiny.py killed DIR    train in DIR/unbroken; then in DIR/killed, killed again and again on the way
python tiny.py together DIR  train in each process of a torchrun
"""

import faulthandler
import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from finemri.losses.adversarial import LeastSquares
from finemri.training.games import Adversarial, Supervised
from finemri.training.loop import Stage, play
from finemri.training.player import Player
from finemri.training.replay import Replay


class Noise:
    """Example n: noise, and twice that noise."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def __getitem__(self, n: int) -> dict[str, Tensor]:
        coarse = torch.rand(1, 4, 4, 4, generator=torch.Generator().manual_seed(1000 * self.seed + n))
        return {"coarse": coarse, "fine": 2 * coarse}


def generator(*, plain: bool = False, seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    random_parts = [] if plain else [nn.BatchNorm3d(3), nn.Dropout(0.2)]
    return nn.Sequential(nn.Conv3d(1, 3, 3, padding=1), *random_parts, nn.LeakyReLU(0.2), nn.Conv3d(3, 1, 3, padding=1))


def critic(inputs: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv3d(inputs, 3, 3), nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(24, 1), nn.Flatten(0))


def squared(made: Tensor, true: Tensor) -> Tensor:
    return (made - true).square().mean()


def halving(round_: int) -> float:
    return float(0.5 ** (round_ / 20))


def stages(network: nn.Module, rounds: int = 24) -> list[Stage]:
    """Fidelity, then adversaries: schedules, averages, dropout, drawn labels, a pool, two optimisers."""

    def fidelity(fabric: Fabric) -> Supervised:
        optimiser = torch.optim.SGD(network.parameters(), 1e-2, momentum=0.9)
        player = Player(network, optimiser, clip=1.0, schedule=halving, ema=0.9, channels_last=True)
        return Supervised(player, {"squared": (1.0, squared)})

    def adversaries(fabric: Fabric) -> Adversarial:
        other = critic()
        return Adversarial(
            Player(network, torch.optim.Adam(network.parameters(), 1e-3, betas=(0.5, 0.999)), ema=0.9),
            Player(other, torch.optim.Adam(other.parameters(), 1e-3, betas=(0.5, 0.999)), schedule=halving),
            LeastSquares(real=(0.7, 1.2)),
            1e-2,
            {"squared": (1.0, squared)},
            critic_turns=2,
            replay=Replay(6),
        )

    return [Stage("fidelity", rounds, fidelity, Noise(1), 4), Stage("adversaries", rounds, adversaries, Noise(2), 4)]


def train(directory: Path, *, workers: int = 0) -> Path:
    return play(
        stages(generator()),
        fabric=Fabric(accelerator="cpu", devices=1),
        directory=directory,
        header={"recipe": {"features": 3}},
        seed=5,
        every=10,
        report=4,
        workers=workers,
    )


def train_plainly(directory: Path, fabric: Fabric, sees: Callable[[nn.Module], None] = lambda network: None) -> Path:
    """Nothing drawn at random: the same on one process and on several, to rounding."""
    network = generator(plain=True, seed=fabric.global_rank)  # which must not matter for ranks above 0
    other = critic()

    def adversaries(fabric: Fabric) -> Adversarial:
        return Adversarial(
            Player(network, torch.optim.SGD(network.parameters(), 1e-2), clip=5.0),
            Player(other, torch.optim.SGD(other.parameters(), 1e-2)),
            LeastSquares(),
            0.1,
            {"squared": (1.0, squared)},
        )

    stage = Stage("plain", 8, adversaries, Noise(3), 4)
    path = play([stage], fabric=fabric, directory=directory, header={}, workers=0, every=4, report=4)
    sees(network)
    return path


def killed(directory: Path) -> None:
    """Fork, train, kill; some at the n-th time that something is put onto the disk, some at any moment."""
    _kill_me_at_sync(0)
    train(directory / "unbroken")
    directory = directory / "killed"
    moments = random.Random(7)
    for n in (1, 4, 6, 8, 9, 12, 10, 14):  # a checkpoint has about eight
        print(_attempt(directory, at_sync=n, seconds=60), flush=True)
    for _ in range(4):
        print(_attempt(directory, at_sync=0, seconds=moments.uniform(0.01, 0.3)), flush=True)
    train(directory, workers=1)


def _attempt(directory: Path, *, at_sync: int, seconds: float) -> str:
    """Train in a fork, which kills itself at a sync or is killed after `seconds`, a hung fork as well."""
    child = os.fork()
    if child == 0:
        try:
            _kill_me_at_sync(at_sync)
            train(directory)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return {0: "ended", -signal.SIGKILL: "killed itself"}[os.waitstatus_to_exitcode(status)]
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "killed"


def _kill_me_at_sync(n: int) -> None:
    """n = 0: never. Nothing is truly put onto the disk: a killed process is no power cut."""
    left = n

    def deadly(fd: Any) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    os.fsync = deadly


def together(directory: Path) -> None:
    fabric = Fabric(accelerator="cpu", devices=2, strategy="ddp")
    fabric.launch()

    def keep(network: nn.Module) -> None:
        held = torch.cat([tensor.flatten() for tensor in network.state_dict().values()])
        (directory / f"rank-{fabric.global_rank}.txt").write_text(str(held.tolist()))

    train_plainly(directory, fabric, keep)


if __name__ == "__main__":
    faulthandler.dump_traceback_later(570, exit=True)
    torch.set_num_threads(1)
    {"killed": killed, "together": together}[sys.argv[1]](Path(sys.argv[2]))
