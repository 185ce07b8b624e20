"""Numbers, contracts and commands, as words on a page."""

import math
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from finemri.measures.contract import Contract

NUMBER = re.compile(r"(?<![\w@.])\d+(?:\.\d+)?(?:x\d+)*(?![\w])")
"""One that stands alone, or a matrix: 6, 0.05, 48x32; no part of a name."""
WHERE = {"head": "inside the head", "full": "full field of view"}


def digits_of(measure: str) -> int:
    """Decimals that are printed."""
    return 2 if measure.rpartition(":")[2] in ("psnr", "psnr_peak255", "snr") else 4


def printed(value: float, digits: int, sign: str = "") -> str:
    """A number with a true minus."""
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    return f"{value:{sign}.{digits}f}".replace("-", "−")


def setting_of(degradation: str, scale: int) -> str:
    """What was done, and how much; the name of a sampling says its acceleration itself, and pairs have no scale."""
    short = re.sub(r"\d+\.\d{5,}", lambda found: f"{float(found[0]):.4g}", degradation)
    told = scale == 1 or re.search(r" [\d.]+x\b", degradation)
    return short if told else f"{short} ×{scale}"


def contract_in_words(contracts: Iterable[Contract]) -> str:
    """All that the numbers of one measure, mask and setting depend on; what differs by person as from … to …"""
    own = list(dict.fromkeys(contracts))

    def told(field: str) -> str:
        return merged([str(value) for each in own if (value := getattr(each, field)) is not None])

    ranges = [each.range for each in own if each.range is not None]
    extent = f" ({min(ranges):.4g}{f' to {max(ranges):.4g}' if min(ranges) < max(ranges) else ''})" if ranges else ""
    parts = {
        "Where": {"head": "inside the head mask of the reference", "full": "the full field of view"}[own[0].mask],
        "Range L": f"{told('range_from')}{extent}" if told("range_from") or extent else "needs none",
        "Dimension": told("dimension"),
        "Window": told("window"),
        "Pooling": f"{told('aggregation')}; then one number a person, and means over people",
        "Crop": told("crop"),
        "Data": told("data"),
        "Units": told("units") or "of the reference's file",
    }
    return "; ".join(f"{name}: {words}" for name, words in parts.items() if words) + "."


def merged(texts: Sequence[str]) -> str:
    """Texts that differ in numbers alone -> one, with the extremes: "mean over 4 to 6 slices"."""
    groups: dict[str, list[str]] = {}
    for text in dict.fromkeys(texts):
        groups.setdefault(NUMBER.sub("#", text), []).append(text)
    told = []
    for group in groups.values():
        columns = zip(*(NUMBER.findall(text) for text in group), strict=True)
        numbers = iter([_extremes(list(dict.fromkeys(column))) for column in columns])
        told.append(NUMBER.sub(lambda _, numbers=numbers: next(numbers), group[0]))  # type: ignore[misc]
    return " or ".join(told)


def command_of(
    settings: Mapping[str, Any], methods: Sequence[str], into: str, *, images: bool, crossed: bool = False
) -> str | None:
    """What to type to get the rows again; None where the settings do not tell. COHORT, and the paths of weights that
    did not ship, are the reader's to fill in: a path may tell who was scanned. ``crossed``: as one of all kernels."""
    kind = settings.get("degradation")
    if not isinstance(kind, str):
        return None
    words = ["finemri", "evaluate", "--cohort", "COHORT", "--methods", ",".join(f"{m}" for m in methods)]
    spoilt, _, noise = kind.partition(" + Rician ")
    if spoilt.partition("-")[0] in ("blur", "kspace"):
        words += [*(["--cross"] if crossed else ["--degradation", spoilt]), "--scale", str(settings.get("scale", 2))]
        if found := re.fullmatch(r"([\d.e-]+) \(seed (\d+)\)", noise):
            words += ["--noise", found[1], "--seed", found[2]]
        if lesions := settings.get("lesions"):
            words += ["--lesions", *(f"{diameter:g}" for diameter in lesions)]
    elif kind != "pairs":
        words += _sampling(kind)
        words += [
            word
            for name in ("axis", "matrix", "slices", "domain", "peak")
            if (value := settings.get(name)) is not None
            for word in (f"--{name}", *(str(value).split("x") if name == "matrix" else [str(value)]))
        ]
        words += ["--phase"] if settings.get("phase") else []
    elif settings.get("peak"):
        words += ["--peak", str(settings["peak"])]
    if isinstance(people := settings.get("people"), str):
        words += ["--people", "SPLIT", "--part", people.partition(" ")[0]]
    if (segmenter := settings.get("segmenter")) and not crossed:
        words += ["--segmenter", "MAPS" if segmenter == "outside" else str(segmenter)]
    if workers := settings.get("workers"):
        words += ["--workers", str(workers)]
    return shlex.join([*words, *(["--save-images"] if images else []), "--into", into or "DIR"])


def _sampling(name: str) -> list[str]:
    """poisson-2d 4x, 8 coils, noise 0.01, seed 0 -> its words."""
    first, *others = name.split(", ")
    pattern, _, times = first.partition(" ")
    words = ["--sampling", pattern, "--acceleration", times.rstrip("x")]
    for other in others:
        head, _, tail = other.partition(" ")
        if head in ("ACS", "noise", "seed"):
            words += [f"--{head.lower()}", tail]
        elif tail == "coils":
            words += ["--coils", head]
        elif other == "one mask":
            words += ["--one-mask"]
    return words


def _extremes(numbers: Sequence[str]) -> str:
    if len(numbers) == 1:
        return numbers[0]
    if any("x" in number for number in numbers):
        return f"({len(numbers)} sizes)"
    return f"{min(numbers, key=float)} to {max(numbers, key=float)}"
