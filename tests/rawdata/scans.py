"""k-space with an answer: a phantom with a phase, seen by several coils, and files as other programs write them."""

from pathlib import Path
from typing import Any

import h5py
import ismrmrd
import numpy as np
import torch

from finemri.physics.coils import simulate_sensitivities
from finemri.physics.fourier import to_kspace

HEADER = """<?xml version="1.0"?>
<ismrmrdHeader xmlns="http://www.ismrm.org/ISMRMRD">
<subjectInformation><patientName>Doe Jane</patientName><patientID>ID-4711</patientID></subjectInformation>
<acquisitionSystemInformation><systemFieldStrength_T>2.8936</systemFieldStrength_T></acquisitionSystemInformation>
<encoding>
<encodedSpace><matrixSize><x>{x}</x><y>{y}</y><z>1</z></matrixSize>
<fieldOfView_mm><x>{fx}</x><y>{fy}</y><z>4.5</z></fieldOfView_mm></encodedSpace>
<reconSpace><matrixSize><x>{rx}</x><y>{y}</y><z>1</z></matrixSize>
<fieldOfView_mm><x>{fy}</x><y>{fy}</y><z>4.5</z></fieldOfView_mm></reconSpace>
<encodingLimits><kspace_encoding_step_1><minimum>0</minimum><maximum>{ymax}</maximum><center>{yc}</center>
</kspace_encoding_step_1></encodingLimits>
<trajectory>{trajectory}</trajectory>
</encoding>
<sequenceParameters><TR>500</TR></sequenceParameters>
</ismrmrdHeader>"""


def header(x: int, y: int, trajectory: str = "cartesian", centre: int | None = None) -> str:
    return HEADER.format(
        x=x, y=y, rx=x // 2, fx=2.0 * x, fy=3.0 * y, ymax=y - 1, yc=y // 2 if centre is None else centre,
        trajectory=trajectory,
    )  # fmt: skip


def phantom(i: int, j: int, *, noise: float = 1e-3, seed: int = 0) -> np.ndarray:
    """A bright ellipse with a dark one in it, a smooth phase, and noise."""
    rng = np.random.default_rng(seed)
    y, x = np.linspace(-1, 1, i)[:, None], np.linspace(-1, 1, j)[None, :]
    magnitude = 1.0 * ((x / 0.8) ** 2 + (y / 0.9) ** 2 < 1) - 0.5 * (((x - 0.1) / 0.3) ** 2 + (y / 0.4) ** 2 < 1)
    noisy = magnitude * np.exp(1j * (0.8 * x - 1.1 * y + 0.7 * x * y + 0.4 * x**2))
    noisy = noisy + noise * (rng.normal(size=(i, j)) + 1j * rng.normal(size=(i, j)))
    return np.asarray(noisy.astype(np.complex64))


def transform(image: np.ndarray) -> np.ndarray:
    return np.asarray(to_kspace(torch.from_numpy(np.ascontiguousarray(image))).numpy())


def kspace(slices: int = 2, coils: int = 4, i: int = 32, j: int = 24) -> np.ndarray:
    """(slice, coil, i, j)."""
    maps = simulate_sensitivities((i, j), coils, np.random.default_rng(1))
    return np.stack([transform(phantom(i, j, seed=n) * maps) for n in range(slices)])


def write_fastmri(path: Path, samples: np.ndarray, mask: np.ndarray | None = None, **more: Any) -> None:
    with h5py.File(path, "w") as root:
        root["kspace"] = samples
        root["ismrmrd_header"] = more.pop("header", header(samples.shape[-2], samples.shape[-1]))
        root.attrs["patient_id"] = "Doe"
        if mask is not None:
            root["mask"] = mask
        for name, values in more.items():
            root[name] = values


def write_ismrmrd(path: Path, samples: np.ndarray, text: str | None = None, *, averages: int = 1, **more: int) -> None:
    """One acquisition a line, backwards, after one of noise; averages ± the same amount around the truth."""
    slices, coils, i, j = samples.shape
    data = ismrmrd.Dataset(str(path), "dataset", create_if_needed=True)
    data.write_xml_header((text or header(i, j)).encode())
    noise = ismrmrd.Acquisition.from_array(np.full((coils, i), 7 + 7j, np.complex64))
    noise.setFlag(ismrmrd.ACQ_IS_NOISE_MEASUREMENT)
    data.append_acquisition(noise)
    for n in reversed(range(slices)):
        for line in reversed(range(j)):
            for average in range(averages):
                shift = np.complex64(0 if averages == 1 else 1 - 2 * average / (averages - 1))
                readout = ismrmrd.Acquisition.from_array(np.ascontiguousarray(samples[n, :, :, line]) + shift)
                readout.idx.slice, readout.idx.kspace_encode_step_1, readout.idx.average = n, line, average
                readout.center_sample = i // 2
                for counter, value in more.items():
                    setattr(readout.idx, counter, value * line)
                data.append_acquisition(readout)
    data.close()


def write_cfl(path: Path, array: np.ndarray, dims: tuple[int, ...]) -> None:
    path.with_suffix(".hdr").write_text(f"# Dimensions\n{' '.join(map(str, dims))} \n# Command\nsecret Doe \n")
    array.astype(np.complex64).reshape(dims, order="F").ravel(order="F").tofile(path.with_suffix(".cfl"))
