"""The convolutional generators of Ravikumar et al. (2021), which they call DCGANs, solved from their parameter counts.

All keep the size and take any: (b, 1, i, j) -> (b, 1, i, j).
"""

from typing import Literal

from finemri.networks.planes import Chain, Output
from finemri.refusal import Refusal

Layout = Literal["a", "b", "c"]


class DCGAN1(Chain):
    """Five convolutions, 6,885 parameters. Thousands of layouts have that count; these three are the cleanest.

    - ``"a"``: 3×3, 8-16-32-3-1 maps, batch norm behind all but the first and the last (the rule of DCGAN);
    - ``"b"``: 5×5 then 3×3, 32-16-8-4-1 maps, batch norm without gains, a bias in the last alone;
    - ``"c"``: 3×3, 12-14-16-20-1 maps, batch norm behind all five ("which normalize the output images").

    Raises Refusal for another layout.
    """

    def __init__(self, layout: Layout = "a", output: Output = "none") -> None:
        if layout == "a":
            super().__init__((1, 8, 16, 32, 3, 1), (3,) * 5, (False, True, True, True, False), output)
        elif layout == "b":
            super().__init__((1, 32, 16, 8, 4, 1), (5, 3, 3, 3, 3), output=output, affine=False)
        elif layout == "c":
            super().__init__((1, 12, 14, 16, 20, 1), (3,) * 5, (True,) * 5, output)
        else:
            raise Refusal(f"DCGAN1's layout is 'a', 'b' or 'c', not {layout!r}.")


class DCGAN2(Chain):
    """Kernels 7-5-5-3-1, 16-64-128-196-1 maps: 458,385 parameters."""

    def __init__(self, output: Output = "none") -> None:
        super().__init__((1, 16, 64, 128, 196, 1), (7, 5, 5, 3, 1), output=output)


class DCGAN3(Chain):
    """DCGAN2 with one more 5×5 convolution, 128 to 128 maps: 868,369 parameters. The paper's DCGAN4 is the same."""

    def __init__(self, output: Output = "none") -> None:
        super().__init__((1, 16, 64, 128, 128, 196, 1), (7, 5, 5, 5, 3, 1), output=output)
