"""The verb evaluate: spoil what is known, let every method bring it back, and measure what came of it."""

from finemri.evaluate.cross import evaluate_crossed
from finemri.evaluate.enhancing import evaluate
from finemri.evaluate.pairs import evaluate_pairs
from finemri.evaluate.reconstructing import evaluate_reconstruction
from finemri.evaluate.scans import People
from finemri.evaluate.structures import evaluate_structures
from finemri.spread import Crew

__all__ = [
    "Crew",
    "People",
    "evaluate",
    "evaluate_crossed",
    "evaluate_pairs",
    "evaluate_reconstruction",
    "evaluate_structures",
]
