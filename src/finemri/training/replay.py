"""A pool of past fakes: a critic that sees only today's forgets what it has learnt."""

from collections.abc import Mapping

import torch
from torch import Tensor

from finemri.refusal import Refusal


class Replay:
    """Fakes in, as many fakes out; some of them from an earlier round (Shrivastava et al., 2017).

    While the pool is not full it keeps every fake and returns it. Once full, with probability `chance` for each image,
    it returns a kept one, drawn at random, and keeps the new one in its place; else it returns the new one and keeps
    nothing.
    """

    def __init__(self, size: int = 80, chance: float = 0.5) -> None:
        if size < 1:
            raise Refusal(f"A pool holds at least one image, not {size}; leave it out to have none.")
        if not 0 <= chance <= 1:
            raise Refusal(f"A chance lies in 0..1; {chance} does not.")
        self.size = size
        self.chance = chance
        self.images: list[Tensor] = []

    def __call__(self, fakes: Tensor) -> Tensor:
        return torch.stack([self._exchange(fake) for fake in fakes.detach()])

    def _exchange(self, fake: Tensor) -> Tensor:
        fake = fake.clone(memory_format=torch.contiguous_format)
        if len(self.images) < self.size:
            self.images.append(fake)
            return fake
        if torch.rand(()).item() >= self.chance:
            return fake
        place = int(torch.randint(self.size, ()).item())
        kept, self.images[place] = self.images[place], fake
        return kept

    def state_dict(self) -> dict[str, list[Tensor]]:
        return {"images": list(self.images)}

    def load_state_dict(self, state: Mapping[str, list[Tensor]], device: torch.device | str = "cpu") -> None:
        self.images = [image.to(device, copy=True) for image in state["images"]]
