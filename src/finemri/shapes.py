"""Array shapes as types, with the domain's axis names; the test run checks them.

Axes i, j, k are the voxel axes of the file, from disk to network; world coordinates are RAS millimetres.
"""

import numpy as np
from jaxtyping import Bool, Complex64, Float, Float32, Float64
from torch import Tensor

Voxels = Float32[np.ndarray, "i j k"]
FineVoxels = Float32[np.ndarray, "fi fj fk"]
Mask = Bool[np.ndarray, "i j k"]
Affine = Float64[np.ndarray, "4 4"]

Image = Float[Tensor, "*batch i j k"]
"""One volume or a batch of them: whatever stands before the last three axes is carried along."""
Coarse = Float[Tensor, "*batch ci cj ck"]
"""The same on another grid: axis names of their own, for their lengths differ."""
Batch = Float[Tensor, "batch channel i j k"]
Made = Float[Tensor, "batch maps mi mj mk"]
"""What a network makes of a Batch: other maps, perhaps on another grid."""
Scores = Float[Tensor, "batch *place"]
"""What a critic says: one number an image, or one a place of it."""

Samples = Complex64[np.ndarray, "coil i j"]
"""k-space of one slice: centred, DC at n // 2."""
Sensitivities = Complex64[np.ndarray, "coil i j"]
Sampled = Bool[np.ndarray, "i j"]
Slice = Complex64[np.ndarray, "i j"]
Magnitude = Float32[np.ndarray, "i j"]

Measured = Complex64[Tensor, "batch coil i j"]
"""k-space, or coil images, or sensitivities, of a batch of slices."""
Where = Bool[Tensor, "batch 1 i j"]
"""Which samples were measured: in every coil the same."""
ComplexImages = Complex64[Tensor, "batch i j"]
Maps = Float[Tensor, "batch channel i j"]
"""What 2D networks and critics see."""
MadeMaps = Float[Tensor, "batch maps mi mj"]
