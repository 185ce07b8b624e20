"""Words of the command line that are more than words: sizes of memory, lists of names, recipes of the shelf."""

import re
from typing import TYPE_CHECKING, Annotated, Union

from tyro.conf import subcommand
from tyro.constructors import PrimitiveConstructorSpec

from finemri.recipes import RECIPES
from finemri.recipes.recipe import Recipe

UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "KI": 2**10, "MI": 2**20, "GI": 2**30}


def bytes_of(size: str) -> int:
    """Size in bytes: 4GiB -> 4294967296. Raises ValueError for what is no size."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMG]I?|)B?", size.strip().upper())
    if match is None or float(match[1]) == 0:
        raise ValueError(f"{size!r} is no size of memory; write 4GiB or 800MB")
    return int(float(match[1]) * UNITS[match[2]])


def size_of(count: int) -> str:
    """The shortest way to write a number of bytes: 4294967296 -> 4GiB."""
    unit = max((unit for unit in UNITS if count % UNITS[unit] == 0), key=UNITS.__getitem__)
    return f"{count // UNITS[unit]}{unit.replace('I', 'i')}B"


Bytes = Annotated[
    int,
    PrimitiveConstructorSpec(
        nargs=1,
        metavar="SIZE",
        instance_from_str=lambda words: bytes_of(words[0]),
        is_instance=lambda value: isinstance(value, int),
        str_from_instance=lambda count: [size_of(count)],
    ),
]


def lengths_of(spacing: str) -> tuple[float, float, float]:
    """Millimetres along i, j, k: 1 -> (1, 1, 1); 0.7,0.7,1. Raises ValueError for what is neither."""
    try:
        lengths = [float(mm) for mm in spacing.lower().replace("x", ",").split(",")]
        i, j, k = lengths * 3 if len(lengths) == 1 else lengths
    except ValueError:
        raise ValueError(f"{spacing!r} is no spacing; write 1, or 0.7,0.7,1, in millimetres") from None
    return i, j, k


Lengths = Annotated[
    tuple[float, float, float],
    PrimitiveConstructorSpec(
        nargs=1,
        metavar="MM|I,J,K",
        instance_from_str=lambda words: lengths_of(words[0]),
        is_instance=lambda value: isinstance(value, tuple),
        str_from_instance=lambda lengths: [",".join(f"{mm:g}" for mm in lengths)],
    ),
]
Names = Annotated[
    tuple[str, ...],
    PrimitiveConstructorSpec(
        nargs=1,
        metavar="A,B,…",
        instance_from_str=lambda words: tuple(name for name in words[0].split(",") if name),
        is_instance=lambda value: isinstance(value, tuple),
        str_from_instance=lambda names: [",".join(names)],
    ),
]
if TYPE_CHECKING:
    Named = Recipe
else:  # one subcommand a name on the shelf, its settings as defaults
    _named = (
        Annotated[type(r), subcommand(n, default=r, description=r.paper, prefix_name=False)] for n, r in RECIPES.items()
    )
    Named = Union[tuple(_named)]  # noqa: UP007
