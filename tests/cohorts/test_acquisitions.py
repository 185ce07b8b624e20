from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch import Tensor

from finemri.cohorts.acquisitions import BRIGHTEST, Acquisitions
from finemri.cohorts.budget import labelled
from finemri.cohorts.slices import SliceDraw
from finemri.physics.fourier import to_image, to_kspace
from finemri.physics.sampling import Sampling
from finemri.refusal import Refusal

HALF = Sampling("density-2d", 2)


@dataclass(frozen=True)
class Signed:
    """Slices with a bar of their own for each person, and another brightness everywhere."""

    people: tuple[str, ...]
    shape: tuple[int, int] = (24, 20)
    complex_valued: bool = False

    @property
    def matrices(self) -> frozenset[tuple[int, int]]:
        return frozenset({self.shape})

    def draw(self, rng: np.random.Generator) -> SliceDraw:
        return self._slice(int(rng.integers(len(self.people))), rng)

    def _slice(self, n: int, rng: np.random.Generator) -> SliceDraw:
        image = 0.1 * rng.random(self.shape, dtype=np.float32)
        row = int(self.people[n])
        image[4:20, 4:16] += 0.5
        image[row, 4:16] = 1
        labels = np.zeros(self.shape, dtype=np.int64)
        labels[row, 4:16] = 1
        return SliceDraw(self.people[n], image * np.complex64(1j) if self.complex_valued else image, labels)

    def only(self, people: Iterable[str]) -> "Signed":
        return replace(self, people=tuple(p for p in self.people if p in set(people)))

    def every(self) -> Iterator[SliceDraw]:
        for n in range(len(self.people)):
            yield self._slice(n, np.random.default_rng(n))


ALL = Signed(tuple(str(n) for n in range(5, 19)))


def bar(image: Tensor) -> int:
    """Whose slice this is."""
    return int(image.abs()[:, 5:15].mean(1).argmax())


def test_an_example_depends_on_seed_and_number_alone() -> None:
    settings = {"coils": (1, 4), "noise": (0.0, 0.1), "estimated": 0.5, "jitter": 0.1, "batch": 2}
    for truths in (None, Signed(("3", "4"))):
        first, again, other = (Acquisitions(ALL, [HALF], seed, truths=truths, **settings) for seed in (1, 1, 2))  # type: ignore[arg-type]
        late, early = first[9], first[4]
        for key in ("kspace", "mask", "sensitivities", "image"):
            assert torch.equal(again[4][key], early[key])
            assert torch.equal(again[9][key], late[key])
        assert not torch.equal(early["image"], other[4]["image"])


@pytest.mark.parametrize("coils", [1, 3])
def test_measured_samples_are_those_of_the_image(coils: int) -> None:
    examples = Acquisitions(ALL, [HALF], 0, coils=(coils, coils))
    for n in range(4):
        e = examples[n]
        assert e["kspace"].shape == e["sensitivities"].shape == (coils, *e["image"].shape)
        assert e["mask"].shape == (1, *e["image"].shape)
        assert e["mask"].dtype == torch.bool
        torch.testing.assert_close(
            e["kspace"], e["mask"] * to_kspace(e["sensitivities"] * e["image"]), atol=1e-5, rtol=0
        )
        aliased = (e["sensitivities"].conj() * to_image(e["kspace"])).sum(0)
        assert float(torch.quantile(aliased.abs().flatten(), BRIGHTEST)) == pytest.approx(1, abs=1e-4)


def test_what_was_measured_is_true_noise_included() -> None:
    e = Acquisitions(ALL, [HALF], 0, noise=(0.2, 0.2), phase=False, turn=False)[3]
    measured = e["mask"].expand_as(e["kspace"])
    torch.testing.assert_close(e["kspace"][measured], to_kspace(e["image"])[None][measured], atol=1e-5, rtol=0)
    assert float(e["image"].imag.std()) > 0.05  # the noise of a real-valued slice


def test_phase_is_given_to_real_slices_only() -> None:
    still = {"turn": False, "phase": True}
    turned = Acquisitions(replace(ALL, complex_valued=True), [HALF], 0, **still)[0]["image"]  # type: ignore[arg-type]
    assert float(turned.real.abs().max()) < 1e-5
    given = Acquisitions(ALL, [HALF], 0, **still)[0]["image"]  # type: ignore[arg-type]
    assert float(given.imag.abs().max()) > 0.1
    without = Acquisitions(ALL, [HALF], 0, turn=False, phase=False)[0]["image"]
    assert float(without.imag.abs().max()) < 1e-5
    assert float(without.real.min()) > -1e-5


def test_labels_turn_with_their_slice() -> None:
    examples = Acquisitions(ALL, [HALF], 0, labelled=True)
    for n in range(16):
        e = examples[n]
        where = e["labels"] == 1
        assert where.shape == e["image"].shape
        assert e["image"].abs()[where].median() > 1.3 * e["image"].abs()[~where].median()
    assert "labels" not in Acquisitions(ALL, [HALF], 0)[0]


def test_unpaired_images_are_drawn_from_the_budget_and_inputs_from_everybody() -> None:
    lent = ALL.only(labelled(ALL.people, 3))
    examples = Acquisitions(ALL, [HALF], 0, turn=False, truths=lent)
    measured, shown = [], []
    for n in range(120):
        e = examples[n]
        measured.append(bar(to_image(e["kspace"])[0]))
        shown.append(bar(e["image"]))
    assert {str(n) for n in shown} == set(lent.people)
    assert {str(n) for n in measured} >= set(ALL.people) - {"5", "18"}  # bars at an edge are hard to see undersampled
    assert np.mean(np.array(measured) == np.array(shown)) < 0.2  # 1 in 14 by chance
    assert abs(np.corrcoef(measured, shown)[0, 1]) < 0.25


def test_unpaired_images_are_as_bright_as_paired_ones() -> None:
    dim = Acquisitions(ALL, [HALF], 0, truths=ALL)
    paired = Acquisitions(ALL, [HALF], 0)
    brightness = [np.mean([float(of[n]["image"].abs().mean()) for n in range(30)]) for of in (dim, paired)]
    assert brightness[0] == pytest.approx(brightness[1], rel=0.05)
    assert torch.equal(dim[3]["kspace"], paired[3]["kspace"])  # whom images are lent by changes no measurement


def test_paired_with_a_budget_shows_nobody_else() -> None:
    lent = labelled(ALL.people, 3)
    examples = Acquisitions(ALL.only(lent), [HALF], 0, turn=False)
    assert {str(bar(examples[n]["image"])) for n in range(40)} == set(lent)


@pytest.mark.parametrize("truths", [None, Signed(("3", "4"), (30, 17))])
def test_examples_of_a_batch_can_be_stacked(truths: Signed | None) -> None:
    examples = Acquisitions(
        ALL, [HALF], 0, coils=(1, 5), batch=4, matrices=((16, 16), (20, 12), (32, 24)), zoom=(0.8, 1.2), truths=truths
    )
    shapes = set()
    for b in range(6):
        batch = [examples[n] for n in range(4 * b, 4 * b + 4)]
        stacked = {key: torch.stack([e[key] for e in batch]) for key in batch[0]}
        assert stacked["image"].shape[1:] == stacked["kspace"].shape[2:]
        shapes.add(tuple(stacked["kspace"].shape))
    assert len(shapes) > 2


def test_one_mask_is_one_mask() -> None:
    many = Acquisitions(ALL, [HALF], 0, turn=False)
    one = replace(many, one_mask=True)
    assert torch.equal(one[0]["mask"], one[1]["mask"])
    assert torch.equal(one[0]["mask"], replace(one, seed=1)[0]["mask"])  # whatever the seed: the exam has it too
    assert not torch.equal(many[0]["mask"], many[1]["mask"])


def test_settings_that_make_no_sense_are_refused() -> None:
    with pytest.raises(Refusal, match="at least one sampling"):
        Acquisitions(ALL, [], 0)
    with pytest.raises(Refusal, match="Coils"):
        Acquisitions(ALL, [HALF], 0, coils=(2, 1))
    with pytest.raises(Refusal, match="Noise"):
        Acquisitions(ALL, [HALF], 0, noise=(0.2, 0.1))
    with pytest.raises(Refusal, match=r"0\.\.1"):
        Acquisitions(ALL, [HALF], 0, estimated=2)
    with pytest.raises(Refusal, match="another matrix"):
        Acquisitions(ALL, [HALF], 0, labelled=True, matrices=((8, 8),))
    with pytest.raises(Refusal, match="different people"):
        Acquisitions(ALL, [HALF], 0, labelled=True, truths=ALL)
    with pytest.raises(Refusal, match="2 sizes, 24×20 to 30×17"):
        Acquisitions(ALL, [HALF], 0, truths=Signed(("3",), (30, 17)))
