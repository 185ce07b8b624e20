import json
from pathlib import Path

import pytest

from finemri.cohorts.cohort import Cohort, Subject
from finemri.cohorts.split import Split, split
from finemri.refusal import Refusal


def cohort(count: int) -> Cohort:
    return Cohort(tuple(Subject(f"s{n}", (Path(f"{n}.nii"),)) for n in range(count)))


def test_fractions_and_counts() -> None:
    def sizes(parts: Split) -> tuple[int, int, int]:
        return len(parts.train), len(parts.validation), len(parts.test)

    assert sizes(split(cohort(10), (0.8, 0.1, 0.1))) == (8, 1, 1)
    assert sizes(split(cohort(3), (0.98, 0.01, 0.01))) == (1, 1, 1)  # whoever is wanted gets somebody
    assert sizes(split(cohort(7), (0.5, 0.0, 0.5))) in {(4, 0, 3), (3, 0, 4)}
    assert sizes(split(cohort(10), (5, 2, 1))) == (5, 2, 1)


def test_another_seed_deals_otherwise() -> None:
    assert split(cohort(30), (0.5, 0.2, 0.3), seed=0) != split(cohort(30), (0.5, 0.2, 0.3), seed=1)


def test_one_more_person_moves_few_others() -> None:
    before, after = (set(split(cohort(n), (0.8, 0.1, 0.1)).train) for n in (100, 101))
    assert len(before - after) <= 2


def test_a_split_takes_a_cohort_apart() -> None:
    everybody = cohort(10)
    train, validation, test = split(everybody, (0.6, 0.2, 0.2)).of(everybody)
    assert sorted(train.names + validation.names + test.names) == sorted(everybody.names)
    with pytest.raises(Refusal, match="no subject"):
        split(everybody, (0.6, 0.2, 0.2)).of(cohort(9))


def test_written_and_read(tmp_path: Path) -> None:
    parts = split(cohort(10), (0.6, 0.2, 0.2), seed=4)
    parts.save(tmp_path / "split.json")
    parts.save(tmp_path / "split.json")
    assert Split.load(tmp_path / "split.json") == parts
    assert [file.name for file in tmp_path.iterdir()] == ["split.json"]


def test_somebody_on_both_sides_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="stands twice"):
        Split(("a", "b"), (), ("b",))
    file = tmp_path / "split.json"
    split(cohort(6), (3, 1, 2)).save(file)
    stored = json.loads(file.read_text())
    stored["test"].append(stored["train"][0])
    file.write_text(json.dumps(stored))
    with pytest.raises(Refusal, match="stands twice"):
        Split.load(file)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 2, "train": [], "validation": [], "test": []}'])
def test_other_files_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "split.json").write_text(text)
    with pytest.raises(Refusal, match="make a new one"):
        Split.load(tmp_path / "split.json")


@pytest.mark.parametrize("parts", [(0.5, 0.5), (0.5, 0.6, 0.1), (-1, 1, 1), (0, 0, 0), (9, 1, 1)])
def test_parts_that_make_no_sense_are_refused(parts: tuple[float | int, ...]) -> None:
    with pytest.raises(Refusal):
        split(cohort(10), parts)


def test_too_few_people_are_refused() -> None:
    with pytest.raises(Refusal, match="too small"):
        split(cohort(2), (0.5, 0.25, 0.25))
