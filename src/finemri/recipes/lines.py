"""Masks of whole lines, and which way they run."""

from finemri.shapes import Sampled


def whole_lines(mask: Sampled) -> bool:
    """Whether lines along j were measured or not, each as a whole."""
    return bool((mask == mask[:, :1]).all())


def chosen_along_j(mask: Sampled) -> bool:
    """Whether whole lines along i were measured, some places of j and not others."""
    return whole_lines(mask.T) and not whole_lines(mask)
