"""The command line: what it parses, how it says no, and that it does not wait for torch."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from finemri import cli
from finemri.cli import words
from finemri.recipes import RECIPES
from finemri.refusal import Refusal


def parsed(monkeypatch: pytest.MonkeyPatch, verb: type, *words: str) -> Any:
    """What main makes of ``words``, without running it."""
    seen: list[Any] = []
    monkeypatch.setattr(verb, "run", lambda self: seen.append(self))
    assert cli.main(words) == 0
    return seen[0]


def test_help_of_every_verb_is_there_and_loads_no_torch() -> None:
    verbs = (
        "enhance",
        "reconstruct",
        "pair",
        "rescan",
        "train",
        "sweep",
        "evaluate",
        "report",
        "inspect",
        "recipes",
        "demo",
    )
    code = (
        "import sys; from finemri.cli import main\n"
        f"for words in [[], *[[verb] for verb in {verbs}]]:\n"
        "    try: main([*words, '--help'])\n"
        "    except SystemExit as stop: assert stop.code == 0, words\n"
        "slow = {'torch', 'numpy', 'scipy', 'pydicom', 'h5py', 'lightning_fabric'}\n"
        "print('LOADED', *sorted(slow & sys.modules.keys()))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.splitlines()[-1] == "LOADED"
    assert all(f"usage: finemri {verb}" in said for verb in verbs)


@pytest.mark.parametrize(
    ("size", "count"),
    [
        ("4GiB", 4 * 2**30),
        ("800MB", 800_000_000),
        ("1.5 gib", 3 * 2**29),
        ("512KiB", 2**19),
        ("4096", 4096),
        ("2G", 2 * 10**9),
    ],
)
def test_memory_is_read_as_people_write_it(size: str, count: int) -> None:
    assert words.bytes_of(size) == count


@pytest.mark.parametrize("count", [1, 1000, 1024, 1500, 4 * 2**30, 800 * 10**6, 3 * 2**29])
def test_memory_is_written_so_that_it_reads_back(count: int) -> None:
    assert words.bytes_of(words.size_of(count)) == count


@pytest.mark.parametrize("size", ["", "GiB", "-1GiB", "0", "4 Gibbons", "1e3"])
def test_what_is_no_size_of_memory_is_refused(size: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(["enhance", "in.nii", "-o", "out.nii", f"--memory={size}"])
    assert stop.value.code == 2
    assert "memory" in capsys.readouterr().err


def test_enhance_takes_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    words = "enhance in.nii.gz -o out.nii.gz --scale 4 --style sharp --memory 2GiB --device cpu --series 3 --force"
    verb = parsed(monkeypatch, cli.Enhance, *words.split())
    assert verb == cli.Enhance(
        source=Path("in.nii.gz"), output=Path("out.nii.gz"), scale=4, style="sharp", memory=2 * 2**30, device="cpu",
        series="3", force=True,
    )  # fmt: skip


def test_enhance_has_no_default_that_hides_a_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    verb = parsed(monkeypatch, cli.Enhance, "enhance", "in.nii.gz", "--output", "out")
    assert (verb.scale, verb.weights, verb.method, verb.series, verb.force) == (None, None, None, None, False)


def test_evaluate_splits_methods_at_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    words = "evaluate --cohort a --methods spline,runs/a.safetensors --degradation blur --scale 4 --into b"
    verb = parsed(monkeypatch, cli.Evaluate, *words.split())
    assert verb.methods == ("spline", "runs/a.safetensors")
    assert (verb.degradation, verb.scale) == ("blur", 4)


def test_evaluate_takes_the_words_of_k_space(monkeypatch: pytest.MonkeyPatch) -> None:
    words = "evaluate --cohort a --methods zero-filled --into b --sampling poisson-2d --acceleration 6 --matrix 96 80"
    verb = parsed(monkeypatch, cli.Evaluate, *words.split(), "--coils", "8", "--axis", "0", "--one-mask")
    assert (verb.sampling, verb.acceleration, verb.acs, verb.matrix) == ("poisson-2d", 6.0, None, (96, 80))
    assert (verb.coils, verb.axis, verb.one_mask, verb.phase, verb.degradation) == (8, 0, True, False, None)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("", "Say what to spoil"),
        ("--degradation blur --sampling poisson-2d", "Say what to spoil"),
        ("--degradation blur --coils 8", "--coils goes with --sampling"),
        ("--degradation blur --one-mask", "--one-mask goes with --sampling"),
        ("--sampling poisson-2d --scale 4", "--scale goes with --degradation"),
        ("--sampling poisson-2d --memory 1GiB", "--memory goes with --degradation"),
        ("--sampling poisson-2d --acceleration 0.5", "acceleration lies in"),
    ],
)
def test_evaluate_ignores_no_word(words: str, why: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["evaluate", "--cohort", "a", "--methods", "m", "--into", "b", *words.split()]) == 2
    assert why in capsys.readouterr().err


@pytest.mark.parametrize("name", RECIPES)
def test_train_offers_every_recipe_with_its_own_settings(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    verb = parsed(monkeypatch, cli.Train, "train", name, "--cohort", "a", "b", "--into", "c")
    assert verb.recipe == RECIPES[name]
    assert verb.cohort == (Path("a"), Path("b"))
    changed = parsed(monkeypatch, cli.Train, "train", name, "--cohort", "a", "--into", "c", "--recipe.batch", "5")
    assert changed.recipe == replace(verb.recipe, batch=5)


def test_settings_that_make_no_sense_are_refused_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    name = next(iter(RECIPES))
    with pytest.raises(SystemExit) as stop:
        cli.main(["train", name, "--cohort", "a", "--into", "b", "--recipe.scale", "3"])
    assert stop.value.code == 2
    assert "scale is 2 or 4, not 3" in capsys.readouterr().err


def test_a_refusal_is_one_sentence_and_exit_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(_: cli.Inspect) -> None:
        raise Refusal("This is a poem; give a scan.")

    monkeypatch.setattr(cli.Inspect, "run", refuse)
    assert cli.main(["inspect", "poem.txt"]) == 2
    said = capsys.readouterr()
    assert said.err == "finemri: This is a poem; give a scan.\n"
    assert said.out == ""


def test_an_interrupt_is_exit_code_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: cli.Demo) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli.Demo, "run", interrupt)
    assert cli.main(["demo"]) == 130


def test_a_fault_of_ours_is_not_dressed_up_as_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: cli.Demo) -> None:
        raise ValueError("a bug")

    monkeypatch.setattr(cli.Demo, "run", fail)
    with pytest.raises(ValueError, match="a bug"):
        cli.main(["demo"])


def test_recipes_print_both_shelves(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["recipes", "--json"]) == 0
    methods = {method["name"]: method for method in json.loads(capsys.readouterr().out)}
    assert RECIPES.keys() <= methods.keys()
    assert methods["spline"]["kind"] == "baseline"
    assert methods["volume-srgan-resize-x2"]["parameters"]["generator"] == 529_377
    assert cli.main(["recipes"]) == 0
    table = capsys.readouterr().out
    assert all(name in table for name in methods)
    assert "529,377" in table
    jobs = {line.split()[0]: line.split()[2] for line in table.splitlines()}
    assert {n: jobs[n] for n in ("NAME", "spline", "zero-filled", "kspace-wgan-gp", "segmenter")} == {
        "NAME": "JOB", "spline": "super-resolve", "zero-filled": "reconstruct", "kspace-wgan-gp": "reconstruct",
        "segmenter": "segment",
    }  # fmt: skip


def test_inspect_hands_on_how_to_read_k_space(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import numpy as np

    rng = np.random.default_rng(0)
    samples = (rng.normal(size=(30, 20, 3)) + 1j * rng.normal(size=(30, 20, 3))).astype(np.complex64)
    np.savez(tmp_path / "scan.npz", first=samples, second=samples[..., 0])
    words = ["inspect", str(tmp_path / "scan.npz"), "--dataset", "first", "--axes", "j,i,coil", "--domain", "image"]
    assert cli.main(words) == 0
    said = capsys.readouterr().out
    assert "20 × 30" in said
    assert "j, i, coil (as named)" in said
    assert "--axes j,i,coil --dataset first --domain image" in said
    assert cli.main(words[:2]) == 2
    assert "dataset" in capsys.readouterr().err
