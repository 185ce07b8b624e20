"""What a person types: one dataclass per verb; its run() calls one function.

A verb is imported when it runs, so that ``finemri --help`` answers at once.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import tyro
from tyro.conf import CascadeSubcommandArgs, DisallowNone, FlagCreatePairsOff, arg

from finemri import __version__
from finemri.cli.calibrating import Calibrate
from finemri.cli.judging import Evaluate
from finemri.cli.making import Demo, Enhance, Reconstruct, Sweep, Train
from finemri.cli.pairing import Pair, Rescan
from finemri.cli.studying import Study
from finemri.cli.telling import Fetch, Inspect, Recipes, Report
from finemri.refusal import Refusal

__all__ = [
    "Calibrate",
    "Demo",
    "Enhance",
    "Evaluate",
    "Fetch",
    "Inspect",
    "Pair",
    "Recipes",
    "Reconstruct",
    "Report",
    "Rescan",
    "Study",
    "Sweep",
    "Train",
    "main",
]


@dataclass(frozen=True)
class Command:
    """Turn coarse MRI and undersampled k-space into fine MRI, and prove what was done."""

    verb: Annotated[
        Enhance
        | Reconstruct
        | Calibrate
        | Train
        | Sweep
        | Evaluate
        | Report
        | Study
        | Inspect
        | Rescan
        | Pair
        | Recipes
        | Fetch
        | Demo,
        arg(name=""),
    ]


def main(words: Sequence[str] | None = None) -> int:
    """Parse, run, and answer with an exit code: 0 done, 2 refused, 130 interrupted."""
    words = sys.argv[1:] if words is None else list(words)
    if words == ["--version"]:
        print(f"finemri {__version__}")
        return 0
    try:
        command = tyro.cli(
            Command, args=words, prog="finemri", config=(CascadeSubcommandArgs, DisallowNone, FlagCreatePairsOff)
        )
        command.verb.run()
    except Refusal as refusal:
        print(f"finemri: {refusal}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("finemri: interrupted; no half-written file is left behind.", file=sys.stderr)
        return 130
    return 0
