"""How many people there are labels of: fully sampled scans cost scanner time, and most cohorts have few."""

import hashlib
from collections.abc import Iterable

from finemri.refusal import Refusal


def labelled(people: Iterable[str], budget: int, seed: int = 0) -> tuple[str, ...]:
    """The ``budget`` people with the lowest hash of seed and name, in the order given.

    The same for any order of the same people; 3 labelled people are among the 6, and those among the 17. Raises Refusal
    for a budget below one person and beyond all of them.
    """
    names = tuple(people)
    if not 1 <= budget <= len(names):
        raise Refusal(f"A budget of {budget} labelled people does not fit {len(names)}; choose 1 to {len(names)}.")
    ranked = sorted(names, key=lambda name: hashlib.sha256(f"{seed}:{name}".encode()).digest())
    chosen = set(ranked[:budget])
    return tuple(name for name in names if name in chosen)
