"""The verb evaluate: spoil what is known, let every method bring it back, and measure what came of it."""

from finemri.evaluate.enhancing import evaluate
from finemri.evaluate.reconstructing import evaluate_reconstruction

__all__ = ["evaluate", "evaluate_reconstruction"]
