"""The verb evaluate: spoil what is known, let every method bring it back, and measure what came of it."""

from finemri.evaluate.enhancing import evaluate
from finemri.evaluate.pairs import evaluate_pairs
from finemri.evaluate.reconstructing import evaluate_reconstruction
from finemri.evaluate.scans import People

__all__ = ["People", "evaluate", "evaluate_pairs", "evaluate_reconstruction"]
