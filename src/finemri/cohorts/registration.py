"""The search: where the coarse scan lies, by Mattes mutual information, one stage after the other, coarse to fine."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from finemri.cohorts.itk import LPS, as_itk, itk, matrix_of, middle, shrunk
from finemri.cohorts.motion import Transform
from finemri.refusal import Refusal
from finemri.shapes import Affine

Stage = Literal["rigid", "affine", "deformable"]
FWHM = float(np.sqrt(8 * np.log(2)))


@dataclass(frozen=True)
class Search:
    """How a transform is looked for."""

    levels: tuple[float, ...] = (4.0, 2.0, 1.0)
    """Edge of the blocks that the fine scan is averaged over, in its own voxels, one level after the other."""
    samples: int = 40_000
    """Random places a level at which the two scans are compared."""
    bins: int = 32
    """Of the joint histogram."""
    rounds: int = 60
    """Steps of gradient descent a level, at most."""
    knots: float = 24.0
    """Millimetres between control points of the deformation, at least; at most 6 of them fit along an axis."""
    bends: int = 6
    """Steps of the deformable stage (L-BFGS-B)."""
    bent_samples: int = 10_000
    """As ``samples``, for the deformable stage."""
    seed: int = 1
    """Of the places."""

    def __post_init__(self) -> None:
        counts = (self.samples, self.bent_samples, self.rounds, self.bends, self.seed)
        if min(counts) < 1 or self.bins < 8 or not self.levels or min(*self.levels, self.knots) <= 0:
            raise Refusal("A search takes positive numbers, at least 8 bins, and at least one level.")


def matched(fine: Any, coarse: Any) -> Any:
    """The fine scan as thick as the coarse one: blurred along each axis by what its voxels lack to the coarse's."""
    own, other = (np.asarray(x.GetDirection()).reshape(3, 3) for x in (fine, coarse))
    widths = np.asarray(coarse.GetSpacing()) / FWHM
    variance = ((own.T @ other) ** 2) @ widths**2 - (np.asarray(fine.GetSpacing()) / FWHM) ** 2
    variance = np.maximum(variance, 0)
    return itk().DiscreteGaussian(fine, variance.tolist()) if variance.max() > 0 else fine


def find_linear(
    fine: Any, coarse: Any, start: Affine, stage: Stage, search: Search, levels: tuple[float, ...]
) -> Affine:
    """The rigid (6 numbers) or affine (12) matrix of most information, from ``start``; fine RAS -> coarse RAS."""
    sitk = itk()
    begun = as_itk(start, middle(fine))
    if stage == "rigid":
        transform = sitk.Euler3DTransform()
        transform.SetCenter(begun.GetCenter())
        transform.SetMatrix(begun.GetMatrix(), 1e-4)
        transform.SetTranslation(begun.GetTranslation())
    else:
        transform = begun
    for level in levels:
        mm = level * float(np.prod(fine.GetSpacing())) ** (1 / 3)
        small = shrunk(fine, mm)
        method = _method(small, search.samples, search)
        method.SetOptimizerAsRegularStepGradientDescent(
            mm / 2, 0.01 * mm, search.rounds, relaxationFactor=0.5, gradientMagnitudeTolerance=1e-6
        )
        method.SetOptimizerScalesFromPhysicalShift()
        method.SetInitialTransform(transform, inPlace=True)
        method.Execute(small, shrunk(coarse, mm))
    return matrix_of(transform)


def find_deformation(fine: Any, coarse: Any, matrix: Affine, search: Search) -> Transform:
    """Displacements d of the control points, so that x′ = M (x + d(x)) has more information still."""
    sitk = itk()
    extent = [n * mm for n, mm in zip(fine.GetSize(), fine.GetSpacing(), strict=True)]
    mesh = [max(1, min(6, int(mm // search.knots))) for mm in extent]
    bent = sitk.BSplineTransformInitializer(fine, mesh, 3)
    mm = search.levels[-1] * float(np.prod(fine.GetSpacing())) ** (1 / 3)
    small = shrunk(fine, mm)
    method = _method(small, search.bent_samples, search)
    method.SetOptimizerAsLBFGSB(1e-6, search.bends, 5, 2 * search.bends)
    method.SetMovingInitialTransform(as_itk(matrix, middle(fine)))
    method.SetInitialTransform(bent, inPlace=True)
    method.Execute(small, shrunk(coarse, mm))
    return spline_of(bent)


def spline_of(bent: Any) -> Transform:
    """A BSplineTransform as grid and displacements, RAS."""
    numbers = bent.GetFixedParameters()
    shape = [int(n) for n in numbers[:3]]
    grid = np.eye(4)
    grid[:3, :3] = np.asarray(numbers[9:]).reshape(3, 3) * np.asarray(numbers[6:9])
    grid[:3, 3] = numbers[3:6]
    moves = np.asarray(bent.GetParameters()).reshape(3, *shape[::-1]).T * LPS.diagonal()[:3]
    return {"grid": (LPS @ grid).tolist(), "shape": shape, "displacements": np.round(moves, 6).ravel().tolist()}


def as_bspline(found: Transform) -> Any:
    """The same the other way."""
    grid = LPS @ np.asarray(found["grid"])
    spacing = np.linalg.norm(grid[:3, :3], axis=0)
    bent = itk().BSplineTransform(3, 3)
    direction = (grid[:3, :3] / spacing).ravel()
    bent.SetFixedParameters(
        [*map(float, found["shape"]), *grid[:3, 3].tolist(), *spacing.tolist(), *direction.tolist()]
    )
    moves = np.asarray(found["displacements"]).reshape(*found["shape"], 3) * LPS.diagonal()[:3]
    bent.SetParameters(moves.T.ravel().tolist())
    return bent


def _method(fine: Any, samples: int, search: Search) -> Any:
    sitk = itk()
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(search.bins)
    share = samples / fine.GetNumberOfPixels()
    if share < 1:
        method.SetMetricSamplingStrategy(method.RANDOM)
        method.SetMetricSamplingPercentage(share, search.seed)
    method.SetInterpolator(sitk.sitkLinear)
    return method
