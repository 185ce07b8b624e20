"""Who is learnt from, and who is only for the exam: by person, never by slice."""

import hashlib
import json
import math
import os
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from finemri.cohorts.cohort import Cohort
from finemri.refusal import Refusal


@dataclass(frozen=True)
class Split:
    """Names of people in three parts. Raises Refusal where a person is in two, or twice in one."""

    train: tuple[str, ...]
    validation: tuple[str, ...] = ()
    test: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.check()

    def check(self) -> None:
        """Nobody is on two sides, or Refusal."""
        seen: set[str] = set()
        for name in (*self.train, *self.validation, *self.test):
            if name in seen:
                raise Refusal(
                    f"The subject {name} stands twice in this split; whoever is tested must not be trained on."
                )
            seen.add(name)

    def of(self, cohort: Cohort) -> tuple[Cohort, Cohort, Cohort]:
        """The people to train, validate and test with. Raises Refusal for a name that the cohort does not have."""
        return cohort.only(self.train), cohort.only(self.validation), cohort.only(self.test)

    def save(self, path: Path) -> None:
        """Write as JSON: whole or not at all."""
        text = (
            json.dumps({"format": "finemri split", "version": 1, **asdict(self)}, indent=2, ensure_ascii=False) + "\n"
        )
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    @classmethod
    def load(cls, path: Path) -> "Split":
        """Read what ``save`` wrote. Raises Refusal for anything else."""
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))
            parts = [tuple(stored[part]) for part in ("train", "validation", "test")]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise Refusal(f"{path} is not a split that finemri wrote; make a new one.") from error
        if stored.get("version") != 1 or not all(isinstance(name, str) for part in parts for name in part):
            raise Refusal(f"{path} is not a split that this version of finemri can read; make a new one.")
        return cls(*parts)


def split(cohort: Cohort, parts: Sequence[float | int], seed: int = 0) -> Split:
    """Deal people into training, validation and test; the same for any order of the same people.

    ``parts``: three fractions that sum to 1, or three whole numbers of people (who is beyond them is left out).
    Every fraction above 0 gets somebody. People are ranked by a hash of seed and name, so that adding one moves few
    others. Raises Refusal for parts that make no sense and for a cohort too small for them.
    """
    counts = _counts(len(cohort), parts)
    ranked = sorted(cohort.names, key=lambda name: hashlib.sha256(f"{seed}:{name}".encode()).digest())
    first, second = counts[0], counts[0] + counts[1]
    dealt = ranked[:first], ranked[first:second], ranked[second : sum(counts)]
    return Split(*(tuple(sorted(names)) for names in dealt))


def _counts(people: int, parts: Sequence[float | int]) -> list[int]:
    """How many of the people go into each part: by largest remainder, but at least one where a part is wanted."""
    if len(parts) != 3 or min(parts) < 0 or not sum(parts) > 0:
        raise Refusal(
            f"A split has three parts (training, validation, test), none of them negative, not {tuple(parts)}."
        )
    if all(isinstance(part, int) for part in parts):
        if sum(parts) > people:
            raise Refusal(f"A cohort of {people} cannot be split into {' + '.join(map(str, parts))}; ask for fewer.")
        return [int(part) for part in parts]
    if not math.isclose(sum(parts), 1, abs_tol=1e-6):
        raise Refusal(f"The fractions of a split sum to 1, these sum to {sum(parts):g}.")
    if people < sum(part > 0 for part in parts):
        raise Refusal(f"A cohort of {people} is too small to be split into {sum(part > 0 for part in parts)} parts.")
    counts = [math.floor(people * part + 1e-9) for part in parts]
    by_remainder = sorted(range(3), key=lambda p: counts[p] - people * parts[p])
    for p in by_remainder[: people - sum(counts)]:
        counts[p] += 1
    for p in range(3):
        if parts[p] > 0 and counts[p] == 0:
            counts[counts.index(max(counts))] -= 1
            counts[p] = 1
    return counts
