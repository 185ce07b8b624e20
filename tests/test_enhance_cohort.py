"""A folder of many, enhanced by workers that die."""

import json
import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from distributed import LocalCluster

from finemri.enhance import Crew, enhance
from finemri.refusal import Refusal
from finemri.volumes.files import open_volume
from tests.test_enhance import scan


def test_a_forced_run_that_stopped_mixes_no_methods(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    many, into = tmp_path / "many", tmp_path / "fine"
    for n in range(2):
        scan(many / f"{n}.nii.gz", 12, 13, 14, seed=n)
    enhance(many, into, method="nearest", memory=None, progress=False)

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("finemri.enhance.cohort.enhance_one", stop)
        with pytest.raises(KeyboardInterrupt):
            enhance(many, into, method="spline", memory=None, progress=False, force=True)
    with pytest.raises(Refusal, match=r"Nothing tells how .* was made"):
        enhance(many, into, method="spline", memory=None, progress=False)


def test_workers_killed_mid_run_cost_nothing_and_a_bad_scan_only_itself(tmp_path: Path) -> None:
    many, into, alone = tmp_path / "many", tmp_path / "fine", tmp_path / "alone"
    names = [f"{n}.nii.gz" for n in range(4)]
    for n, name in enumerate(names):
        scan(many / name, 12, 13, 14, seed=n)
    enhance(many, alone, method="spline", memory=None, progress=False)
    (many / "bad.nii.gz").write_bytes(b"this is no scan")
    with LocalCluster(
        n_workers=2, host="127.0.0.1", dashboard_address="127.0.0.1:0", memory_limit=0, silence_logs=50
    ) as cluster:

        def kill_at_first_result() -> None:
            deadline = time.monotonic() + 60
            while not any(path.name != "settings.json" for path in into.glob("*")) and time.monotonic() < deadline:
                time.sleep(0.001)
            for nanny in cluster.workers.values():
                os.kill(nanny.pid, signal.SIGKILL)

        killer = threading.Thread(target=kill_at_first_result)
        killer.start()
        crew = Crew(scheduler=cluster.scheduler_address)
        with pytest.raises(Refusal, match=r"1 of 5 scans could not be enhanced, the others are done\. bad\.nii\.gz: "):
            enhance(many, into, method="spline", memory=None, crew=crew, progress=False)
        killer.join()
    for name in names:
        one, other = (open_volume(folder / name) for folder in (into, alone))
        np.testing.assert_array_equal(one.voxels, other.voxels)
        told = [json.loads((folder / name.replace("nii.gz", "json")).read_text()) for folder in (into, alone)]
        assert told[0]["input"] == told[1]["input"]
    seen = {path.name for path in into.iterdir() if not path.name.startswith(".")}
    assert seen == {"settings.json", *names, *(name.replace("nii.gz", "json") for name in names)}
