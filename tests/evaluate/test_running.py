"""One loop for all evaluations: shared by workers that die, and stopped, it leaves every result once and whole."""

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from distributed import LocalCluster

from finemri.evaluate import Crew, evaluate, evaluate_pairs, evaluate_reconstruction
from finemri.landing import alone_in
from finemri.measures.costs import Cost, read_costs
from finemri.measures.ledger import Ledger
from finemri.measures.tidy import Row, read_rows
from finemri.physics.sampling import Sampling
from finemri.recipes import RECIPES, describe
from finemri.refusal import Refusal
from finemri.training.weights import save_weights
from finemri.volumes.files import open_volume
from tests.evaluate.test_enhancing import people
from tests.evaluate.test_pairs import pairs

METHODS = ("nearest", "spline")


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    """Two processes that start again when they die, as at any site."""
    with LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        memory_limit=0,
        silence_logs=50,
    ) as made:
        yield made


def run(scans: Path, into: Path, crew: Crew | None = None, methods: tuple[str, ...] = METHODS) -> Path:
    settings = {} if crew is None else {"crew": crew}
    return evaluate(scans, methods, degradation="blur", into=into, device="cpu", save_images=True, **settings)  # type: ignore[arg-type]


def whole_images(folder: Path, *methods: str) -> int:
    """How many images there are, each of which can be read to the end."""
    found = [path for path in folder.iterdir() if not path.name.startswith(".")]
    for path in found:
        assert np.isfinite(open_volume(path).voxels).all()
    return len(found)


def kill_at_first_image(cluster: LocalCluster, images: Path) -> threading.Thread:
    """SIGKILL for both workers as soon as one of them begins to write."""

    def watch() -> None:
        deadline = time.monotonic() + 60
        while not (images.is_dir() and any(images.iterdir())) and time.monotonic() < deadline:
            time.sleep(0.001)
        for nanny in cluster.workers.values():
            os.kill(nanny.pid, signal.SIGKILL)

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


def test_workers_killed_mid_run_cost_nothing_and_nothing_is_torn(tmp_path: Path, cluster: LocalCluster) -> None:
    scans = people(tmp_path / "scans", 5)
    alone = run(scans, tmp_path / "alone")
    killer = kill_at_first_image(cluster, tmp_path / "shared/images")
    shared = run(scans, tmp_path / "shared", Crew(scheduler=cluster.scheduler_address))
    killer.join()
    assert shared.read_text() == alone.read_text(), "the same rows, once each, in the same order"
    for name in ("settings.json", "table.csv", "table.md"):
        assert shared.with_name(name).read_text() == alone.with_name(name).read_text()
    costs = read_costs(shared.with_name("cost.csv"))
    assert [(c.subject, c.method) for c in costs] == [(f"person-{n}", method) for n in range(5) for method in METHODS]
    assert all(c.seconds > 0 and c.device == "cpu" and (c.peak_bytes or 1e6) >= 1e6 for c in costs)
    assert whole_images(tmp_path / "shared/images") == 5 * (2 + len(METHODS))


def test_k_space_and_pairs_are_shared_as_well(tmp_path: Path, cluster: LocalCluster) -> None:
    scans, both = people(tmp_path / "scans", 3), pairs(tmp_path / "pairs", 3)
    found: dict[str, list[str]] = {"k-space": [], "pairs": []}
    for name, crew in (("alone", Crew(1)), ("shared", Crew(scheduler=cluster.scheduler_address))):
        sampling = Sampling("density-2d", 3)
        into = tmp_path / name / "k"
        into.parent.mkdir()
        path = evaluate_reconstruction(scans, ["zero-filled"], sampling=sampling, into=into, slices=2, crew=crew)
        found["k-space"].append(path.read_text())
        found["pairs"].append(evaluate_pairs(both, ["spline"], into=tmp_path / name / "p", crew=crew).read_text())
    for alone, shared in found.values():
        assert alone == shared


def test_two_processes_do_not_write_into_one_folder(tmp_path: Path) -> None:
    scans, into = people(tmp_path / "scans", 1), tmp_path / "out"
    with alone_in(into), pytest.raises(Refusal, match="Another finemri writes into"):
        run(scans, into)
    assert not list(into.iterdir()), "neither rows nor a lock"
    rows = read_rows(run(scans, into))
    with alone_in(into), pytest.raises(Refusal, match="Another finemri writes into"):
        run(scans, into)
    assert read_rows(into / "measures.csv") == rows


def test_a_scan_that_cannot_be_judged_costs_only_itself(tmp_path: Path, cluster: LocalCluster) -> None:
    scans = people(tmp_path / "scans", 3)
    (scans / "person-1.nii.gz").write_bytes(b"this is no scan")
    for crew in (Crew(1), Crew(scheduler=cluster.scheduler_address)):
        into = tmp_path / f"out-{crew.workers}"
        with pytest.raises(Refusal, match=r"1 of 3 scans could not be judged, the others are done\. person-1: "):
            run(scans, into, crew)
        assert {row.subject for row in read_rows(into / "measures.csv")} == {"person-0", "person-2"}
        assert "| spline | 2 |" in (into / "table.md").read_text(), "the tables are of those that could"
    people(tmp_path / "scans", 3)
    rows = read_rows(run(scans, into))
    assert {row.subject for row in rows} == {"person-0", "person-1", "person-2"}


def test_a_parent_that_stops_loses_only_what_was_under_way(
    tmp_path: Path, cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    scans, into = people(tmp_path / "scans", 4), tmp_path / "out"
    added: list[tuple[str, str]] = []
    add = Ledger.add

    def add_and_remember(ledger: Ledger, rows: Sequence[Row], cost: Cost | None = None) -> None:
        add(ledger, rows, cost)
        added.append((rows[0].subject, rows[0].method))

    def add_until_power_fails(ledger: Ledger, rows: Sequence[Row], cost: Cost | None = None) -> None:
        if len(added) == 3:
            raise KeyboardInterrupt
        add_and_remember(ledger, rows, cost)

    crew = Crew(scheduler=cluster.scheduler_address)
    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "add", add_until_power_fails)
        with pytest.raises(KeyboardInterrupt):
            run(scans, into, crew)
    assert {(row.subject, row.method) for row in read_rows(into / "measures.csv")} == set(added)
    stopped = len(added)
    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "add", add_and_remember)
        path = run(scans, into, crew)
    assert stopped == 3
    assert Counter(added) == {(f"person-{n}", method): 1 for n in range(4) for method in METHODS}
    assert path.read_text() == run(scans, tmp_path / "whole").read_text()


def test_a_changed_scan_is_refused_and_the_others_go_on(tmp_path: Path, cluster: LocalCluster) -> None:
    scans, into = people(tmp_path / "scans", 2), tmp_path / "out"
    run(scans, into, methods=("nearest",))
    scan = nib.nifti1.load(scans / "person-0.nii.gz")
    nib.nifti1.Nifti1Image(np.asarray(scan.dataobj) * 2, scan.affine).to_filename(scans / "person-0.nii.gz")
    with pytest.raises(Refusal, match="person-0 has changed since its rows were written"):
        run(scans, into, Crew(scheduler=cluster.scheduler_address))
    done = {(row.subject, row.method) for row in read_rows(into / "measures.csv")}
    assert done == {("person-0", "nearest"), ("person-1", "nearest"), ("person-1", "spline")}


def test_weights_bring_their_card_and_count_and_travel_by_digest(tmp_path: Path, cluster: LocalCluster) -> None:
    recipe = RECIPES["volume-srgan-subpixel-x2"]
    own = tmp_path / "own.safetensors"
    network = recipe.generator()
    save_weights(own, network.state_dict(), describe("volume-srgan-subpixel-x2", recipe))
    own.with_suffix(".md").write_text("# The card\n")
    scans = people(tmp_path / "scans", 2)
    path = run(scans, tmp_path / "out", Crew(scheduler=cluster.scheduler_address), ("nearest", str(own)))
    (label,) = {row.method for row in read_rows(path)} - {"nearest"}
    assert label.startswith("volume-srgan-subpixel-x2@")
    assert [card.name for card in path.with_name("cards").iterdir()] == [f"{label}.md"]
    assert (path.with_name("cards") / f"{label}.md").read_text() == "# The card\n"
    settings = Ledger(tmp_path / "out", {}).settings
    assert settings["parameters"] == {label: sum(p.numel() for p in network.parameters())}
