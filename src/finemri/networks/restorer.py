"""What restores a scan that was laid on a fine grid, and is told how its slices lay."""

import torch
from einops import rearrange
from torch import nn
from torch.nn import functional

from finemri.networks.blocks import ResidualBlock, conv, shuffle, start_small
from finemri.shapes import Batch, Made


class SliceRestorer3D(nn.Module):
    """y = x₀ + shuffle(C(trunk(unshuffle(x₀), x₁…))): a correction of the laid image x₀, told of its slices by x₁….

    (b, 1 + told, i, j, k) -> (b, 1, i, j, k), any size. Eight voxels lie side by side as maps, so that the trunk works
    on a grid of half the voxels an axis: an eighth of the work, twice the reach, and nothing is lost (as in FFDNet,
    Zhang et al., 2018). No normalisation layers. Parameters with 48 maps and 5 blocks: 649,832.
    """

    def __init__(self, features: int = 48, blocks: int = 5, told: int = 5) -> None:
        super().__init__()
        self.head = conv(8 + told, features)
        self.blocks = nn.Sequential(*(ResidualBlock(features, "none", slope=0.1) for _ in range(blocks)))
        self.tail = conv(features, 8)
        start_small(self.blocks, self.tail)
        self.radius = 2 * (2 + 2 * blocks) + 1
        """How far an output voxel looks, in voxels."""

    def forward(self, x: Batch) -> Made:
        i, j, k = x.shape[-3:]
        padded = functional.pad(x, (0, k % 2, 0, j % 2, 0, i % 2), mode="replicate")
        image, told = padded[:, :1], padded[:, 1:, ::2, ::2, ::2]
        eight = rearrange(image, "b c (i p) (j q) (k r) -> b (c p q r) i j k", p=2, q=2, r=2)
        trunk = self.head(torch.cat((eight, told), 1))
        trunk = functional.leaky_relu(trunk + self.blocks(trunk), 0.1)
        y: Made = image.float() + shuffle(self.tail(trunk), 2).float()
        return y[..., :i, :j, :k]
