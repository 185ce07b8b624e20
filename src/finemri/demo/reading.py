"""A study of the demo's images: one template, a few slices, a link, a browser."""

import webbrowser
from pathlib import Path
from threading import Timer

from rich.console import Console

from finemri.demo import METHODS, SCALE, bring_back, template
from finemri.study.ballots import Ballots
from finemri.study.images import TRUTH, Showing
from finemri.study.new import new
from finemri.study.organise import Study, open_study
from finemri.study.question import Question
from finemri.study.web.serve import serve
from finemri.volumes.files import save_volume
from finemri.volumes.grid import crop_to_multiple
from finemri.volumes.volume import Volume

SLICES = 4


def demo_study(into: Path, *, port: int = 8765, opened: bool = True, device: str = "auto") -> None:
    """Make the study unless it is there, invite a reader, and serve it until interrupted."""
    study = open_study(into / "study") if (into / "study" / "study.json").is_file() else make_demo(into, device=device)
    ballots = Ballots(study.database, study.design.digest)
    try:
        _, token = ballots.invite(f"demo {len(ballots.readers()) + 1}")
    finally:
        ballots.close()
    link = f"http://127.0.0.1:{port}/r/{token}"
    Console().print(f"Reader: {link}", soft_wrap=True)
    if opened:
        Timer(1.5, webbrowser.open, [link]).start()
    serve(study, port=port)


def make_demo(into: Path, *, device: str = "auto", truth: Volume | None = None) -> Study:
    """The study of spline, faithful and sharp over one anatomy, nilearn's template unless another is given."""
    into.mkdir(parents=True, exist_ok=True)
    truth = crop_to_multiple(truth or template(), (SCALE,) * 3)
    save_volume(truth, into / "truth.nii.gz", force=True)
    list(bring_back(truth, into, device, force=True))
    images = {TRUTH: into / "truth.nii.gz", **{method: into / f"fine-{method}.nii.gz" for method in METHODS}}
    return new(
        into / "study",
        {"template": images},
        Question(criteria=("overall quality", "sharpness")),
        showing=Showing(slices=SLICES),
        training=0,
        title="How fine is this image?",
        force=True,
    )
