"""A dictionary of patches, learnt from the patches themselves: orthogonal matching pursuit and K-SVD, complex."""

import numpy as np
from jaxtyping import Complex64

Patches = Complex64[np.ndarray, "patch voxel"]
Atoms = Complex64[np.ndarray, "atom voxel"]
Codes = Complex64[np.ndarray, "patch atom"]


def learn_atoms(patches: Patches, count: int, most: int, tolerance: float, rounds: int) -> Atoms:
    """D, Γ ≈ argmin ‖P − Γ D‖² with at most ``most`` atoms a patch: patches (patch, voxel) -> atoms of unit norm.

    K-SVD (Aharon et al., 2006), each atom's rank-1 update being one power step (Rubinstein et al., 2008), from the
    patches' principal directions. An atom that nobody uses becomes the patch that is represented worst.
    """
    _, directions = np.linalg.eigh(patches.T @ patches.conj())
    atoms = directions.T[::-1][:count].copy()
    for _ in range(rounds):
        codes, left = sparse_codes(patches, atoms, most, tolerance)
        for k in range(len(atoms)):
            users = np.flatnonzero(codes[:, k])
            if users.size == 0:
                worst = left[np.argmax((np.abs(left) ** 2).sum(axis=1))]
                if worst.any():
                    atoms[k] = worst / np.linalg.norm(worst)
                continue
            without = left[users] + codes[users, k, None] * atoms[k]
            direction = codes[users, k].conj() @ without
            length = np.linalg.norm(direction)
            if length > 0:
                atoms[k] = direction / length
                codes[users, k] = without @ atoms[k].conj()
            left[users] = without - codes[users, k, None] * atoms[k]
    return atoms


def sparse_codes(patches: Patches, atoms: Atoms, most: int, tolerance: float) -> tuple[Codes, Patches]:
    """Γ and P − Γ D: for each patch the atoms that explain it best, one after the other.

    Orthogonal matching pursuit of all patches at once; each stops after ``most`` atoms, or where what is left has a
    norm within ``tolerance``. Pati et al. (1993).
    """
    n, rows = len(patches), np.arange(len(patches))
    left = patches.copy()
    basis = np.zeros((n, most, patches.shape[1]), dtype=np.complex64)  # Q and R of the chosen atoms
    mixing = np.tile(np.eye(most, dtype=np.complex64), (n, 1, 1))
    along = np.zeros((n, most), dtype=np.complex64)
    chosen = np.zeros((n, most), dtype=np.int64)
    for t in range(most):
        open_ = np.flatnonzero((np.abs(left) ** 2).sum(axis=1) > tolerance**2)
        if open_.size == 0:
            break
        rest, before = left[open_], basis[open_, :t]
        best = np.abs(rest @ atoms.conj().T).argmax(axis=1)
        atom = atoms[best]
        known = np.einsum("atn,an->at", before.conj(), atom)
        new = atom - np.einsum("at,atn->an", known, before)
        length = np.linalg.norm(new, axis=1)
        fresh = length > 1e-4  # else the atom lies in the span of those before, and nothing is to be won
        new[~fresh] = 0
        new[fresh] /= length[fresh, None]
        part = (new.conj() * rest).sum(axis=1)
        left[open_] = rest - part[:, None] * new
        basis[open_, t], along[open_, t], chosen[open_, t] = new, part, best
        mixing[open_, :t, t], mixing[open_, t, t] = known, np.where(fresh, length, 1)
    codes = np.zeros((n, len(atoms)), dtype=np.complex64)
    for t in reversed(range(most)):
        along[:, t] -= (mixing[:, t, t + 1 :] * along[:, t + 1 :]).sum(axis=1)
        along[:, t] /= mixing[:, t, t]
        codes[rows, chosen[:, t]] += along[:, t]
    return codes, left
