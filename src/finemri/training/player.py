"""A network with its optimiser: the one who learns."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Literal

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from finemri.refusal import Refusal
from finemri.training.ema import Average

Schedule = Callable[[int], float]


class Player:
    """A network and its optimiser, stepped together: average over machines, clip, step, update the running average.

    Args:
        network: whose parameters `optimiser` holds.
        optimiser: fresh, over the parameters of `network`.
        clip: longest gradient (Euclidean norm over all parameters) that a step may use.
        schedule: the factor of the learning rate at a round of the stage; a pure function, so that a resume
            needs no memory.
        ema: decay of the running average of the weights; None keeps none.
        channels_last: lay the weights out channels last, which convolutions in bf16 like.
    """

    def __init__(
        self,
        network: nn.Module,
        optimiser: torch.optim.Optimizer,
        *,
        clip: float | None = None,
        schedule: Schedule | None = None,
        ema: float | None = None,
        channels_last: bool = False,
    ) -> None:
        if clip is not None and not clip > 0:
            raise Refusal(f"A gradient is clipped to a length above 0, not {clip}.")
        if ema is not None and not 0 <= ema < 1:
            raise Refusal(f"The decay of a running average lies in 0..1, below 1; {ema} does not.")
        if channels_last:
            _lay_channels_last(network)
        self.network = network
        self.optimiser = optimiser
        self.clip = clip
        self.schedule = schedule
        self.ema = None if ema is None else Average(network, ema)
        self._rates = [float(group["lr"]) for group in optimiser.param_groups]
        self._fabric: Fabric | None = None

    @property
    def average(self) -> nn.Module:
        """The network to keep: its running average where there is one."""
        return self.network if self.ema is None else self.ema.network

    @property
    def rate(self) -> float:
        """Learning rate of the first group, now."""
        return float(self.optimiser.param_groups[0]["lr"])

    def join(self, fabric: Fabric) -> None:
        """Move to the device of `fabric`; precision and the other machines are those of `fabric` from now on."""
        self._fabric = fabric
        self.network.to(fabric.device)
        if self.ema is not None:
            self.ema.network.to(fabric.device)
        if fabric.world_size > 1:  # everybody begins with the weights of the first
            for tensor in self.network.state_dict().values():
                mine = tensor if fabric.global_rank == 0 else torch.zeros_like(tensor)
                tensor.copy_(share(fabric, mine, "sum"))

    def autocast(self) -> AbstractContextManager[Any]:
        """The precision in which networks and losses are to be computed; the backward pass stays outside."""
        return nullcontext() if self._fabric is None else self._fabric.autocast()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """While another's turn passes through this network, its own gradients stay as they are."""
        learning = [p for p in self.network.parameters() if p.requires_grad]
        for parameter in learning:
            parameter.requires_grad = False
        try:
            yield
        finally:
            for parameter in learning:
                parameter.requires_grad = True

    def begin(self, round: int) -> None:  # noqa: A002
        """Set the learning rate of this round of the stage, 0 the first."""
        factor = 1.0 if self.schedule is None else float(self.schedule(round))
        for group, rate in zip(self.optimiser.param_groups, self._rates, strict=True):
            group["lr"] = rate * factor

    def zero(self) -> None:
        self.optimiser.zero_grad(set_to_none=True)

    def step(self) -> Tensor:
        """One step of the optimiser. Returns the norm of the gradient before clipping."""
        self._average_over_machines()
        parameters = [p for p in self.network.parameters() if p.grad is not None]
        norm = nn.utils.clip_grad_norm_(parameters, float("inf") if self.clip is None else self.clip)
        self.optimiser.step()
        if self.ema is not None:
            self.ema.update(self.network)
        return norm.detach()

    def mean_over_machines(self, number: Tensor) -> Tensor:
        """The same in each process; on one machine the number itself."""
        return number if self._fabric is None or self._fabric.world_size == 1 else share(self._fabric, number, "mean")

    @torch.no_grad()
    def _average_over_machines(self) -> None:
        # Not torch's DistributedDataParallel: it cannot take a critic called twice before one backward pass, nor a
        # gradient of a gradient. One flat sum after the backward pass can, and keeps batch statistics equal as well.
        if self._fabric is None or self._fabric.world_size == 1:
            return
        shared = [p.grad for p in self.network.parameters() if p.grad is not None]
        shared += [b for b in self.network.buffers() if b.is_floating_point()]
        flat = torch.cat([tensor.flatten().float() for tensor in shared])
        flat = share(self._fabric, flat, "mean")
        for tensor, piece in zip(shared, torch.split(flat, [t.numel() for t in shared]), strict=True):
            tensor.copy_(piece.view(tensor.shape))

    def state_dict(self) -> dict[str, Any]:
        """Everything that a resume needs: tensors, and plain values under string keys."""
        held = self.optimiser.state_dict()
        return {
            "network": dict(self.network.state_dict()),
            "optimiser": {str(n): state for n, state in held["state"].items()},
            "groups": [{k: v for k, v in group.items() if k != "params"} for group in held["param_groups"]],
            "average": None if self.ema is None else dict(self.ema.network.state_dict()),
            "updates": 0 if self.ema is None else self.ema.updates,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        if self.ema is not None:
            self.ema.network.load_state_dict(state["average"])
            self.ema.updates = int(state["updates"])
        held = self.optimiser.state_dict()
        parameters = [p for group in self.optimiser.param_groups for p in group["params"]]
        for group, saved in zip(held["param_groups"], state["groups"], strict=True):
            group.update({k: tuple(v) if isinstance(group.get(k), tuple) else v for k, v in saved.items()})
        held["state"] = {
            int(n): {k: _laid_like(parameters[int(n)], v) for k, v in saved.items()}
            for n, saved in state["optimiser"].items()
        }
        self.optimiser.load_state_dict(held)


def share(fabric: Fabric, tensor: Tensor, how: Literal["mean", "sum"]) -> Tensor:
    """The mean or sum of a tensor over all processes, the same bits in each."""
    together = fabric.all_reduce(tensor, reduce_op=how)
    assert isinstance(together, Tensor)
    return together


def _lay_channels_last(network: nn.Module) -> None:
    layouts = {4: torch.channels_last, 5: torch.channels_last_3d}  # Module.to(memory_format=…) takes one of them only
    for parameter in network.parameters():
        if parameter.ndim in layouts:
            parameter.data = parameter.data.contiguous(memory_format=layouts[parameter.ndim])


def _laid_like(parameter: Tensor, value: object) -> object:
    """A copy of a restored tensor in the memory layout of its parameter, so that a step gives the same bits."""
    if not isinstance(value, Tensor):
        return value
    if value.shape != parameter.shape:
        return value.clone()
    return torch.empty_like(parameter, dtype=value.dtype).copy_(value).detach()
