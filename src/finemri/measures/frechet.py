"""Fréchet distance: how far apart two crowds of images are, told by features that somebody else computed."""

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float64

from finemri.refusal import Refusal

Features = Float[np.ndarray, "_ _"]
"""One row an image. Whose features they are belongs into the contract: distances by different networks do not mix."""
Root = Float64[np.ndarray, "_ _"]


def frechet_distance(made: Features, true: Features) -> float:
    """‖μ₁ − μ₂‖² + tr(C₁ + C₂ − 2 (C₁ C₂)^½), μ and C the mean and sample covariance of the rows: 0 is best.

    FID where the features are Inception's (Heusel et al., 2017; Dowson & Landau, 1982). In float64, by
    tr (C₁ C₂)^½ = tr (C₁^½ C₂ C₁^½)^½, of which all is symmetric. It is of two crowds and says nothing of any one
    image; with few images it is too large, so that crowds of different size do not compare (Chong & Forsyth, 2020).
    Raises Refusal for fewer than two images, features that are not as many, and values that are not finite.
    """
    for rows in (made, true):
        if rows.ndim != 2 or len(rows) < 2 or rows.shape[1] == 0:
            raise Refusal(f"Features are one row an image, of two images at least, not {rows.shape}; judge more.")
        if not np.isfinite(rows).all():
            raise Refusal("Some features are not finite (NaN or Inf), which no distance can take; compute them anew.")
    if made.shape[1] != true.shape[1]:
        raise Refusal(
            f"One crowd has {made.shape[1]} features and the other {true.shape[1]}; compute both by one network."
        )
    shift, (c1, c2) = made.mean(axis=0, dtype=np.float64) - true.mean(axis=0, dtype=np.float64), map(_cov, (made, true))
    root = _root(c1)
    shared = np.sqrt(np.linalg.eigvalsh(root @ c2 @ root).clip(0)).sum()
    return max(0.0, float(shift @ shift + np.trace(c1) + np.trace(c2) - 2 * shared))


def features_of(images: Iterable[np.ndarray], network: Callable[[np.ndarray], np.ndarray]) -> Features:
    """What a network says of each image, flat, one row an image. Raises Refusal where rows differ in length."""
    rows = [np.asarray(network(image), dtype=np.float64).ravel() for image in images]
    if len({row.size for row in rows}) != 1:
        raise Refusal("Features are as many of every image, and of one at least; give images of one size.")
    return np.stack(rows)


def read_features(path: Path) -> Features:
    """Features that another program left: a .npy of numbers, (image, feature). Never a pickle. Raises Refusal."""
    try:
        found = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise Refusal(f"There is no {path}; compute the features first, one row an image.") from None
    except (ValueError, OSError, EOFError):
        found = None
    if not isinstance(found, np.ndarray) or found.ndim != 2 or not np.issubdtype(found.dtype, np.floating):
        raise Refusal(f"{path} is no .npy of real numbers with one row an image; write features as such.")
    return found


def _cov(rows: Features) -> Root:
    return np.atleast_2d(np.cov(rows, rowvar=False, dtype=np.float64))


def _root(covariance: Root) -> Root:
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray((vectors * np.sqrt(values.clip(0))) @ vectors.T)
