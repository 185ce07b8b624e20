"""Contracts and commands in words; a command on the page is one that finemri takes."""

import shlex
from pathlib import Path

import pytest

from finemri import cli
from finemri.report.words import command_of, contract_in_words, merged
from tests.report.made import row


def test_contracts_merge_where_numbers_alone_differ() -> None:
    texts = ["mean over 4 slices; by net@5d14", "mean over 6 slices; by net@5d14", "mean over 5 slices; by net@5d14"]
    assert merged(texts) == "mean over 4 to 6 slices; by net@5d14"
    assert merged(["the first 3x4 of 5x5", "the first 4x4 of 5x5"]) == "the first (2 sizes) of 5x5"
    told = contract_in_words([row("a", "spline", 1.0).contract, row("abc", "spline", 1.0).contract])
    assert "max - min over the full field (101 to 103)" in told
    assert "inside the head mask" in told


@pytest.mark.parametrize(
    "settings",
    [
        {"degradation": "blur + Rician 0.05 (seed 3)", "scale": 2, "people": "validation of 0712"},
        {"degradation": "poisson-2d 4x, ACS 0.1, 8 coils, noise 0.01, one mask, seed 7", "scale": 4, "axis": 0,
         "matrix": "48x32", "slices": 6, "phase": True, "domain": None, "peak": "scan", "segmenter": "5d14"},
        {"degradation": "pairs", "scale": 1, "peak": "slice", "people": None, "segmenter": "5d14", "workers": 3},
        {"degradation": "blur-0.7", "scale": 4, "people": None, "segmenter": "outside"},
    ],
)  # fmt: skip
def test_the_command_is_one_that_finemri_takes(settings: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    command = command_of(settings, ["spline", "net@12ab"], "exam", images=True)
    assert command is not None
    seen: list[cli.Evaluate] = []
    monkeypatch.setattr(cli.Evaluate, "run", lambda self: seen.append(self))
    assert cli.main(shlex.split(command)[1:]) == 0
    (verb,) = seen
    assert verb.save_images
    assert tuple(verb.methods) == ("spline", "net@12ab")
    if verb.degradation == "blur":
        assert (verb.noise, verb.seed, verb.part, verb.people) == (0.05, 3, "validation", (Path("SPLIT"),))
    told = {"5d14": Path("5d14"), "outside": Path("MAPS")}
    assert verb.segmenter == told.get(str(settings.get("segmenter")))
    assert verb.workers == settings.get("workers", "auto")
    if settings["degradation"] == "blur-0.7":
        assert (verb.degradation, verb.scale, verb.sampling) == ("blur-0.7", 4, None)
        crossed = command_of(settings, ["spline"], "", images=False, crossed=True)
        assert crossed == "finemri evaluate --cohort COHORT --methods spline --cross --scale 4 --into DIR"
    if verb.sampling:
        assert (verb.sampling, verb.acceleration, verb.acs, verb.coils) == ("poisson-2d", 4, 0.1, 8)
        assert (verb.one_mask, verb.seed, verb.matrix, verb.phase, verb.axis) == (True, 7, (48, 32), True, 0)
