"""Array shapes as types, with the domain's axis names; the test run checks them.

Axes i, j, k are the voxel axes of the file, from disk to network; world coordinates are RAS millimetres.
"""

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64
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
