"""Any file of k-space, in. Each format is asked: is it yours? Axes are named, told by the format or found by rule."""

import os
from pathlib import Path
from typing import Literal, Protocol, get_args, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float64

from finemri.physics.fourier import to_kspace
from finemri.provenance import digest
from finemri.rawdata import arrays, bart, fastmri, hdf5, ismrmrd, pictures
from finemri.rawdata.axes import by, found, named, ordered
from finemri.rawdata.crimes import IMAGE, MAGNITUDE, detect, strength_of
from finemri.rawdata.scan import Maps, RawScan, Source
from finemri.rawdata.stored import Stored
from finemri.refusal import Refusal
from finemri.shapes import Sampled

AnyPath = str | os.PathLike[str]
Domain = Literal["kspace", "image"]
SUFFIXES = (*hdf5.SUFFIXES, ".cfl", ".hdr", ".npy", ".npz", ".mat", *pictures.SUFFIXES)
GATHERED = 0.5
"""Share of the energy in the middle quarter (each axis) of the matrix above which it counts as gathered there."""
LOOKS_LIKE_IMAGE = "looks like an image and not like k-space: pass --domain image if it is one"


@runtime_checkable
class Format(Protocol):
    """What a module of a format offers."""

    def claims(self, path: Path) -> bool:
        """Whether it reads what lies at this path."""

    def read(self, path: Path, dataset: str | None = None) -> Stored:
        """Raises Refusal with a sentence for everything that it cannot take."""


FORMATS: dict[str, Format] = {
    "ismrmrd": ismrmrd,
    "fastmri": fastmri,
    "bart": bart,
    "arrays": arrays,
    "pictures": pictures,
}


def open_raw(
    path: AnyPath, *, axes: str | None = None, dataset: str | None = None, domain: Domain | None = None
) -> RawScan:
    """k-space (slice, coil, i, j) of a file: fastMRI, ISMRMRD, BART, NumPy, MATLAB; and images, flagged as such.

    ``axes`` names the array's axes in its own order (MATLAB's, for .mat), such as "coil,i,j"; j before i turns the
    image. ``dataset`` picks one of several arrays. ``domain`` says whether samples are k-space or an image; without it,
    real numbers are an image and complex ones k-space. Raises Refusal, with a sentence, for whatever is not sound.
    """
    path = Path(path)
    if domain is not None and domain not in get_args(Domain):
        raise Refusal(f"A domain is kspace or image, not {domain}.")
    name, stored = _read(path, dataset)
    array = stored.array
    if array.dtype.kind == "b":
        raise Refusal(f"{path.name} holds a mask and no k-space; give it as the mask of a scan.")
    real = array.dtype.kind != "c"
    if real and domain == "kspace":
        raise Refusal(f"{path.name} holds real numbers, and k-space is complex; pass --domain image if it is an image.")
    if axes is not None:
        words, why = named(axes, array.shape), "as named"
    elif stored.axes is not None:
        words, why = stored.axes, stored.why
    else:
        words, why = found(array.shape, third="slice" if real else "coil")
    with np.errstate(over="ignore"):  # not finite, which RawScan refuses with a sentence
        samples = np.array(ordered(array, words), dtype=np.complex64, order="C")  # a copy: the array may be mapped
    image = stored.picture or domain == "image" or real
    flags = list(stored.flags)
    if image:
        samples = _transformed(samples)
        flags += [] if stored.flags else [MAGNITUDE if real else IMAGE]
    scan = RawScan(
        samples,
        None if stored.mask is None else _mask(stored, words, path),
        None if stored.sensitivities is None else _maps(stored, words, path),
        _spacing(stored, words),
        _shown(stored, words),
        {**stored.facts, "axes": f"{', '.join(words)} ({why})", "domain": "image" if image else "k-space"},
    )
    return _flagged(scan, flags, image=image, doubt=domain is None, source=_source(name, path))


def open_mask(path: AnyPath, *, dataset: str | None = None) -> Sampled:
    """A mask (i, j) of zeros and ones from any of the formats. Raises Refusal for anything else."""
    path = Path(path)
    array = _read(path, dataset)[1].array
    values = np.unique(array.real)
    if array.ndim != 2 or values.size > 2 or (array.dtype.kind == "c" and array.imag.any()) or values[0] != 0:
        raise Refusal(f"{path.name} is no mask: it has to hold zeros and ones, i by j; make one from the k-space.")
    return np.asarray(array.real != 0)


def open_sensitivities(path: AnyPath, *, axes: str | None = None, dataset: str | None = None) -> Maps:
    """Complex maps (slice or 1, coil, i, j) from any of the formats. Raises Refusal for anything else.

    Four axes that nobody names are these, in this order: with the scan they have to fit, so nothing is guessed.
    """
    path = Path(path)
    stored = _read(path, dataset)[1]
    shape = stored.array.shape
    told = stored.axes or (("slice", "coil", "i", "j") if len(shape) == 4 else found(shape)[0])
    words = named(axes, shape) if axes is not None else told
    if stored.array.dtype.kind not in "cf":
        raise Refusal(f"{path.name} holds no sensitivities; give one complex map a coil.")
    return np.ascontiguousarray(ordered(stored.array, words), dtype=np.complex64)


def is_raw(path: AnyPath) -> bool:
    """Whether what lies there is, by name or content, a file of k-space."""
    path = Path(path)
    named_so = path.suffix.lower() in hdf5.SUFFIXES
    return path.is_file() and (named_so or any(reader.claims(path) for reader in FORMATS.values()))


def _read(path: Path, dataset: str | None) -> tuple[str, Stored]:
    if not path.exists():
        raise Refusal(f"There is nothing at {path}; check the path.")
    if path.is_file():
        for name, reader in FORMATS.items():
            if reader.claims(path):
                return name, reader.read(path, dataset)
    if path.suffix.lower() in hdf5.SUFFIXES:
        raise Refusal(
            f"{path.name} is not an HDF5 file, whatever its name says; it may be truncated, so copy it again."
        )
    raise Refusal(
        f"{path.name} is no k-space that finemri reads; it takes fastMRI and ISMRMRD HDF5, BART .cfl, .npy, .npz, .mat."
    )


def _source(name: str, path: Path) -> Source:
    paths = bart.files(path) if name == "bart" else (path,)
    return Source(name, paths, digest(paths))


def _transformed(images: np.ndarray) -> np.ndarray:
    """k = F x, slice by slice."""
    return np.stack([to_kspace(torch.from_numpy(image)).numpy() for image in images])


def _mask(stored: Stored, words: tuple[str, ...], path: Path) -> Sampled:
    """The file's mask on the scan's axes: lines along the last axis, or a whole plane, as the array has them."""
    mask = np.asarray(stored.mask)
    if not np.isin(mask, (0, 1)).all():
        raise Refusal(f"The mask in {path.name} holds more than zeros and ones; save it again.")
    first, second = (n for n, word in zip(stored.array.shape, words, strict=True) if word in ("i", "j"))
    if mask.ndim == 2 and 1 in mask.shape and (first, second) != mask.shape:
        mask = mask.ravel()
    if mask.ndim == 1 and mask.size in (first, second):
        if first == second and stored.axes is None:
            raise Refusal(
                f"Which lines the mask in {path.name} means cannot be told; save it as a whole {by((first, second))}."
            )
        mask = np.broadcast_to(mask if mask.size == second else mask[:, None], (first, second))
    if mask.shape != (first, second):
        raise Refusal(
            f"The mask in {path.name} is {by(mask.shape)} and its k-space {by((first, second))}; "
            "give the mask of this k-space."
        )
    turned = mask if words.index("i") < words.index("j") else mask.T
    return np.ascontiguousarray(turned != 0)


def _maps(stored: Stored, words: tuple[str, ...], path: Path) -> Maps:
    maps = np.asarray(stored.sensitivities)
    own = words if maps.ndim == len(words) else tuple(word for word in words if word != "slice")
    if maps.ndim != len(own):
        raise Refusal(
            f"The sensitivities in {path.name} are {by(maps.shape)} and the k-space {by(stored.array.shape)}; "
            "give those of these coils."
        )
    return np.ascontiguousarray(ordered(maps, own), dtype=np.complex64)


def _spacing(stored: Stored, words: tuple[str, ...]) -> tuple[float, float, float] | None:
    told = dict(zip(words, stored.spacing or [None] * len(words), strict=True))
    i, j, between = told["i"], told["j"], told.get("slice")
    return None if i is None or j is None or between is None else (i, j, between)


def _shown(stored: Stored, words: tuple[str, ...]) -> tuple[int, int] | None:
    told = dict(zip(words, stored.shown or [None] * len(words), strict=True))
    i, j = told["i"], told["j"]
    return None if i is None or j is None else (i, j)


def _flagged(scan: RawScan, flags: list[str], *, image: bool, doubt: bool, source: Source) -> RawScan:
    """With what the samples of a middle slice that is not empty give away."""
    order = sorted(range(len(scan)), key=lambda n: abs(n - len(scan) // 2))
    samples = scan.samples[next(n for n in order if scan.samples[n].any())]
    seen = scan.sampled
    if not image and doubt:
        strength = strength_of(samples)
        if _gathered(strength) < GATHERED < _gathered(np.fft.fftshift(strength)):
            raise Refusal(
                "The centre of this k-space lies in its corner; shift it (numpy.fft.fftshift over i and j), "
                "or pass --domain kspace if this is as it should be."
            )
        back = strength_of(_transformed(samples[None] / np.abs(samples).max())[0])
        if _gathered(strength) < GATHERED < _gathered(back):
            flags.append(LOOKS_LIKE_IMAGE)
    if not image or MAGNITUDE not in flags:
        flags += [flag for flag in detect(samples, seen) if flag not in flags]
    return RawScan(
        scan.samples, scan.mask, scan.sensitivities, scan.spacing, scan.shown, scan.facts, tuple(flags), source
    )


def _gathered(strength: Float64[np.ndarray, "i j"]) -> float:
    """Share of the energy in the middle quarter of both axes."""
    i, j = strength.shape
    middle = strength[i // 2 - i // 8 : i // 2 + i // 8 + 1, j // 2 - j // 8 : j // 2 + j // 8 + 1]
    return float((middle**2).sum() / (strength**2).sum())
