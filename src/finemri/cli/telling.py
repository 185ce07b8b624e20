"""Verbs that tell: report, inspect, recipes; and fetch, which tells a file by its digest."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from tyro.conf import Positional, arg

from finemri.cli.words import Bytes


@dataclass(frozen=True)
class Report:
    """One HTML page of what evaluate found: gains with intervals and tests, failures and contracts; opens offline."""

    folder: Positional[Path]
    """What evaluate wrote, or a folder of several of these."""
    output: Annotated[Path | None, arg(aliases=["-o"])] = None
    """Where the page goes. Default: FOLDER/report.html."""
    baseline: str | None = None
    """What gains are over. Default: spline or zero-filled, whichever was judged."""
    level: float = 0.05
    """Of the tests, adjusted for several methods."""
    weights: tuple[Path, ...] = ()
    """Files of methods that were judged: their headers tell which differ in their seed alone."""
    claims: Path | None = None
    """TOML file of what a paper says of these methods: a verdict and a figure for each claim, on top of the page."""
    names: bool = False
    """Call people by their names in the CSV, instead of by numbers."""
    figures: bool = False
    """Also every figure as SVG and PNG, and every table as CSV and LaTeX, in a folder beside the page."""
    force: bool = False
    """Replace a file that is no page of finemri, or a folder of figures that is none of its."""

    def run(self) -> None:
        """Call the verb."""
        from finemri.report import report

        page = report(
            self.folder,
            self.output,
            baseline=self.baseline,
            level=self.level,
            weights=self.weights,
            claims=self.claims,
            names=self.names,
            figures=self.figures,
            force=self.force,
        )
        print(f"{page}: open it in any browser; it needs nothing else.")


@dataclass(frozen=True)
class Inspect:
    """Say what a file or folder is, what can be done with it, and what to type next."""

    path: Positional[Path]
    """A file or a folder."""
    axes: str | None = None
    """Of k-space: the array's axes in its own order, such as coil,i,j. Default: as the format says, or found by rule.
    """
    dataset: str | None = None
    """Of k-space: which array, where the file holds several."""
    domain: Literal["kspace", "image"] | None = None
    """Of k-space: what the samples are. Default: real numbers are an image, complex ones k-space."""

    def run(self) -> None:
        """Call the verb."""
        from finemri.inspect import inspect

        print(inspect(self.path, axes=self.axes, dataset=self.dataset, domain=self.domain))


@dataclass(frozen=True)
class Recipes:
    """List every method: learned recipes, shipped weights, classical baselines."""

    json: bool = False
    """As JSON."""

    def run(self) -> None:
        """Call the shelf."""
        from finemri.shelf import list_methods

        methods = list_methods()
        print(json.dumps(methods, indent=2) if self.json else _table(methods))


@dataclass(frozen=True)
class Fetch:
    """Fetch one file, such as VGG's weights for a perceptual loss, if it is the one that its digest names."""

    url: Positional[str]
    """https://…, or file:///… for a file of this machine."""
    output: Annotated[Path, arg(aliases=["-o"])]
    """Where it goes."""
    sha256: str
    """Its SHA-256, as who offers it names it. What has another is not kept."""
    most: Bytes = 4 * 2**30
    """Larger files are not fetched."""
    force: bool = False
    """Replace what is there."""

    def run(self) -> None:
        """Call the verb."""
        from finemri.fetch import fetch

        size = fetch(self.url, self.output, sha256=self.sha256, most=self.most, force=self.force)
        print(f"Fetched: {self.output} ({size:,} bytes, SHA-256 as named)")


def _table(methods: Sequence[dict[str, Any]]) -> str:
    """One line a method, in columns."""
    rows = [("NAME", "KIND", "JOB", "PARAMETERS", "AFTER")]
    for method in methods:
        networks = ", ".join(f"{name} {count:,}" for name, count in (method.get("parameters") or {}).items())
        after = method.get("paper") or method.get("recipe") or ""
        rows.append((method["name"], method["kind"], method["job"], networks, after))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join(
        "  ".join(cell.ljust(w) for cell, w in zip(row, [*widths, 0], strict=True)).rstrip() for row in rows
    )
