from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from finemri.cohorts.cohort import Cohort, Subject
from finemri.cohorts.drawn import LabelSlices
from finemri.cohorts.layouts import find_cohort
from finemri.cohorts.planes import centred, labels_resized, labels_truncated, truncated
from finemri.cohorts.slices import SliceDraw, SliceSource, VolumeSlices
from finemri.refusal import Refusal
from tests.cohorts.people import brain, label_map, save


def same(a: SliceDraw, b: SliceDraw) -> bool:
    if a.labels is None or b.labels is None:
        return a.labels is b.labels and np.array_equal(a.image, b.image)
    return a.person == b.person and np.array_equal(a.image, b.image) and np.array_equal(a.labels, b.labels)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    """Three people with an image and a label map each."""
    folder = tmp_path_factory.mktemp("people")
    for n in range(3):
        save(folder / "images" / f"p{n}.nii.gz", 300 * (n + 1) * brain(seed=n))
        save(folder / "labels" / f"p{n}.nii.gz", label_map(seed=n).astype(np.float32))
    return find_cohort(folder)


def sources(cohort: Cohort) -> list[SliceSource]:
    return [
        VolumeSlices(cohort, axis="any", matrix=(20, 18), labels=True),
        LabelSlices(cohort, matrix=(20, 18), labels=True),
    ]


def test_a_draw_depends_on_the_state_of_chance_alone(cohort: Cohort) -> None:
    for source, again in zip(sources(cohort), sources(cohort), strict=True):
        first = [source.draw(np.random.default_rng(n)) for n in (1, 2)]
        assert same(again.draw(np.random.default_rng(2)), first[1])
        assert same(again.draw(np.random.default_rng(1)), first[0])
        assert not np.array_equal(first[0].image, first[1].image)
        assert all(same(a, b) for a, b in zip(source.every(), again.every(), strict=True))


def test_draws_have_the_matrix_and_show_everybody(cohort: Cohort) -> None:
    for source in sources(cohort):
        draws = [source.draw(np.random.default_rng(n)) for n in range(20)]
        assert {d.person for d in draws} == set(cohort.names) == set(source.people)
        assert {d.person for d in source.every()} == set(cohort.names)
        for d in draws:
            assert d.labels is not None
            assert d.image.shape == d.labels.shape == (20, 18)
            assert d.image.dtype == np.float32
            assert d.labels.dtype == np.int64
            assert d.image.flags.c_contiguous
            d.image[:] = -1  # a draw is a copy: nobody else sees what is done to it
        assert all(d.image.min() >= 0 for d in source.every())


def test_only_some_people(cohort: Cohort) -> None:
    for source in sources(cohort):
        some = source.only(["p2", "p0"])
        assert some.people == ("p0", "p2")
        assert source.people == ("p0", "p1", "p2")
        assert {some.draw(np.random.default_rng(n)).person for n in range(20)} == {"p0", "p2"}
        assert {d.person for d in some.every()} == {"p0", "p2"}
        with pytest.raises(Refusal, match="no slices of nobody"):
            source.only(["p1", "nobody"])
        with pytest.raises(Refusal, match="at least one"):
            source.only([])
        with pytest.raises(Refusal, match="no slices of p1"):
            some.only(["p1"])


def test_slices_are_the_volumes_own_in_units_of_their_brightness(cohort: Cohort) -> None:
    source = VolumeSlices(cohort, axis=1, tissue=0)
    for n in range(3):
        whole = 300 * (n + 1) * brain(seed=n)
        slices = [d.image for d in source.only([f"p{n}"]).every()]
        np.testing.assert_allclose(np.stack(slices, 1), whole / np.percentile(whole, 99.9), rtol=1e-5)


def test_slices_of_air_are_left_out(cohort: Cohort) -> None:
    voxels, tissue = brain(seed=0), 0.3
    shown = (voxels / np.percentile(voxels, 99.9) > 0.1).mean(axis=(0, 1)) >= tissue
    source = VolumeSlices(cohort.only(["p0"]), axis=2, tissue=tissue)
    assert 0 < shown.sum() < voxels.shape[2]
    assert len(list(source.every())) == shown.sum()
    with pytest.raises(Refusal, match="less tissue"):
        VolumeSlices(cohort, axis=2, tissue=0.99)


def test_labels_stay_on_their_image(cohort: Cohort) -> None:
    for truncate in (1.0, 1.5, 2.0):
        for axis in (0, 1, 2):
            source = VolumeSlices(cohort, axis=axis, truncate=truncate, matrix=(40, 33), labels=True, tissue=0.3)
            for d in source.every():
                assert d.labels is not None
                inside, outside = d.image[d.labels > 0], d.image[d.labels == 0]
                assert np.median(inside) > 5 * np.median(outside)
    for d in (LabelSlices(cohort, matrix=(40, 36), labels=True).draw(np.random.default_rng(n)) for n in range(10)):
        assert d.labels is not None
        means = {int(v): d.image[d.labels == v] for v in np.unique(d.labels) if (d.labels == v).sum() > 30}
        within = np.mean([v.std() for v in means.values()])
        assert within < 0.8 * d.image.std()


def test_drawn_slices_reach_about_one(cohort: Cohort) -> None:
    source = LabelSlices(cohort, matrix=(48, 48), zoom=(0.7, 1.0))
    brightest = [source.draw(np.random.default_rng(n)).image.max() for n in range(20)]
    assert min(brightest) > 0.5
    assert max(brightest) < 1.6
    assert all(d.labels is None for d in source.every())


def test_zoom_makes_the_head_larger(cohort: Cohort) -> None:
    def share(zoom: float) -> float:
        source = LabelSlices(cohort, matrix=(60, 60), axis=2, zoom=(zoom, zoom), labels=True, tissue=0.5)
        return float(np.mean([(d.labels > 0).mean() for d in source.every() if d.labels is not None]))

    assert share(0.8) == pytest.approx(4 * share(1.6), rel=0.1)


def test_cropping_keeps_the_centre_of_fourier_transforms() -> None:
    plane = np.zeros((9, 8), dtype=np.float32)
    plane[4, 4] = 1
    for matrix in ((4, 5), (9, 8), (12, 13), (5, 12)):
        moved = centred(plane, matrix)
        assert moved.shape == matrix
        assert moved[matrix[0] // 2, matrix[1] // 2] == moved.sum() == 1
    np.testing.assert_array_equal(centred(centred(plane, (12, 13)), (9, 8)), plane)


@pytest.mark.parametrize("shape", [(48, 48), (45, 44)])
def test_truncation_keeps_brightness_and_place(shape: tuple[int, int]) -> None:
    constant = np.full(shape, 3, dtype=np.float32)
    np.testing.assert_allclose(truncated(constant, 1.5), 3, rtol=1e-4)
    i, j = np.meshgrid(*(np.arange(n) - n // 2 for n in shape), indexing="ij")
    blob = np.exp(-((i - 6) ** 2 + (j + 3) ** 2) / 40).astype(np.float32)
    coarse = truncated(blob, 1.5)
    places = np.argwhere(coarse == coarse.max())[0] - np.array(coarse.shape) // 2
    np.testing.assert_allclose(places * np.array(shape) / coarse.shape, (6, -3), atol=0.8)
    kept = labels_truncated((blob > 0.5).astype(np.int64), coarse.shape)
    assert ((coarse > 0.5) == kept).mean() > 0.98
    np.testing.assert_array_equal(truncated(blob, 1), blob)


def test_labels_of_larger_pixels_are_those_of_their_middle() -> None:
    labels = np.arange(12).reshape(3, 4)
    np.testing.assert_array_equal(labels_resized(labels, (3, 4)), labels)
    np.testing.assert_array_equal(labels_resized(labels, (1, 2)), [[5, 7]])
    np.testing.assert_array_equal(labels_resized(labels, (6, 4)), np.repeat(labels, 2, 0))


def refused(tmp_path: Path, image: NDArray[np.float32], *maps: NDArray[np.float32]) -> str:
    save(tmp_path / "image.nii", image)
    paths = [tmp_path / f"map{n}.nii" for n in range(len(maps))]
    for path, values in zip(paths, maps, strict=True):
        save(path, values)
    with pytest.raises(Refusal) as refusal:
        VolumeSlices(Cohort((Subject("a", (tmp_path / "image.nii",), tuple(paths)),)), labels=True)
    return str(refusal.value)


def test_what_teaches_nothing_is_refused(tmp_path: Path, cohort: Cohort) -> None:
    image, labels = brain(), label_map().astype(np.float32)
    assert "0 label maps" in refused(tmp_path, image)
    assert "2 label maps" in refused(tmp_path, image, labels, labels)
    assert "grid" in refused(tmp_path, image, labels[:-1])
    assert "whole numbers" in refused(tmp_path, image, (labels / 2).astype(np.float32))
    assert "whole numbers" in refused(tmp_path, image, -labels)
    save(tmp_path / "empty.nii", 0 * labels)
    with pytest.raises(Refusal, match="background only"):
        LabelSlices(Cohort((Subject("a", (), (tmp_path / "empty.nii",)),)), matrix=(8, 8))
    with pytest.raises(Refusal, match="nobody"):
        VolumeSlices(Cohort(()))
    with pytest.raises(Refusal, match="leave this person out"):
        LabelSlices(Cohort((Subject("a", cohort.subjects[0].images),)), matrix=(8, 8))
    with pytest.raises(Refusal, match="at least 1"):
        VolumeSlices(cohort, truncate=0.5)
    with pytest.raises(Refusal, match="at least one pixel"):
        VolumeSlices(cohort, matrix=(0, 8))
    with pytest.raises(Refusal, match="zoom"):
        LabelSlices(cohort, matrix=(8, 8), zoom=(1.2, 0.8))


def test_real_slabs_come_with_their_tissue(shared_data: Path) -> None:
    cohort = find_cohort(shared_data / "head_slabs")
    source = VolumeSlices(cohort.only(cohort.names[:2]), axis=1, labels=True)
    slices = list(source.every())
    assert len(slices) == 20  # 10 of the 18 slices of each hold tissue
    assert {d.image.shape for d in slices} == {(217, 182)}
    assert set().union(*(np.unique(d.labels).tolist() for d in slices if d.labels is not None)) == {0, 1, 2, 3, 4}


def test_real_hippocampi_come_with_their_labels(shared_data: Path) -> None:
    cohort = find_cohort(shared_data / "hippocampus")
    source = VolumeSlices(cohort.only(cohort.names[:3]), axis=1, matrix=(40, 40), labels=True)
    shown = [d.labels.max() for d in source.every() if d.labels is not None]
    assert max(shown) == 2
