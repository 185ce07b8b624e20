"""The verb study: design, invite, serve, count."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from finemri.cli.words import Names


@dataclass(frozen=True)
class New:
    """Make a study of images of several methods: blinded, randomised, balanced."""

    folder: Positional[Path]
    """Where the study goes; for the organiser's eyes only."""
    images: Annotated[tuple[str, ...], arg(metavar="INTO | METHOD=FOLDER …")]
    """What `finemri evaluate --save-images --into INTO` left, or a folder of NIfTI files for every method."""
    kind: Literal["opinion", "forced-choice", "ranking"] = "opinion"
    """A score for every image, the better of two, or an order of all."""
    criteria: tuple[str, ...] = ("overall quality",)
    """What is asked of every trial, as in --criteria "overall quality" "visibility of the hippocampus"."""
    scores: int = 4
    """Opinions go from 1 to this: 4 as in Seitzer et al. (2018), or 5."""
    view: Literal["slice", "volume"] = "slice"
    """Slices as pictures, or whole volumes to scroll through."""
    plane: Literal["axial", "coronal", "sagittal"] = "axial"
    """Of slices."""
    slices: int = 3
    """Of every subject, evenly spread over the middle."""
    methods: Names = ()
    """Those alone, with commas between them. Default: all, and the truth."""
    subjects: Names = ()
    """Those alone. Default: all."""
    anchor: str = "truth"
    """Which method is the truth, hidden among the others."""
    training: int = 1
    """People whose images readers train on; they never count."""
    repeats: float = 0.1
    """Share of trials that come twice, for agreement of readers with themselves."""
    catches: float = 0.05
    """Share of trials with an image that is spoilt on purpose."""
    title: str = "Reader study"
    """What readers see."""
    database: str | None = None
    """postgresql://USER@HOST/NAME, its password in PGPASSWORD. Default: a file in the folder."""
    seed: int = 0
    """The same seed draws the same study."""
    force: bool = False
    """Replace a study that has no ballots yet."""

    def run(self) -> None:
        """Call the verb."""
        from finemri.study.images import Showing, find_images
        from finemri.study.new import new
        from finemri.study.protocol import protocol
        from finemri.study.question import Question

        study = new(
            self.folder,
            find_images(self.images),
            Question(self.kind, self.criteria, self.scores),
            showing=Showing(self.view, self.plane, self.slices),
            methods=self.methods,
            subjects=self.subjects,
            anchor=self.anchor,
            training=self.training,
            repeats=self.repeats,
            catches=self.catches,
            seed=self.seed,
            title=self.title,
            database=self.database,
            force=self.force,
        )
        design = study.design
        print(
            f"{self.folder}: {len(design.cases)} cases by {len(design.methods)} methods, "
            f"{len(protocol(design, 0))} trials a reader. Next: finemri study serve {self.folder}"
        )


@dataclass(frozen=True)
class Invite:
    """A link for a reader; it is shown once."""

    folder: Positional[Path]
    """The study."""
    label: Positional[str]
    """What you call the reader; nobody else sees it."""
    address: str = "http://127.0.0.1:8765"
    """Where the study is served."""

    def run(self) -> None:
        """Call the verb."""
        from finemri.study.ballots import Ballots
        from finemri.study.organise import open_study

        study = open_study(self.folder)
        ballots = Ballots(study.database, study.design.digest)
        try:
            reader, token = ballots.invite(self.label)
        finally:
            ballots.close()
        print(f"Reader {reader.number + 1}: {self.address.rstrip('/')}/r/{token}")


@dataclass(frozen=True)
class Serve:
    """Serve the study's pages to readers and organiser: on this machine alone, unless told otherwise."""

    folder: Positional[Path]
    """The study."""
    host: str = "127.0.0.1"
    """Address to listen on; beyond this machine only with TLS."""
    port: int = 8765
    """Port to listen on."""
    names: Names = ()
    """Names that browsers call it by, as in reading.lab.example."""
    behind_tls: bool = False
    """A proxy on this machine speaks https for it."""
    certificate: Path | None = None
    """For https by finemri itself."""
    key: Path | None = None
    """Of the certificate."""

    def run(self) -> None:
        """Call the verb."""
        from finemri.study.organise import open_study
        from finemri.study.web.serve import serve

        serve(
            open_study(self.folder),
            host=self.host,
            port=self.port,
            names=self.names,
            behind_tls=self.behind_tls,
            certificate=self.certificate,
            key=self.key,
        )


@dataclass(frozen=True)
class Results:
    """Count the ballots: means, intervals, tests, agreement; CSV and JSON, which `finemri report` shows."""

    folder: Positional[Path]
    """The study."""
    into: Annotated[Path, arg(aliases=["-o"])]
    """Folder for opinions.csv and study-results.json."""
    measures: Path | None = None
    """A tidy CSV of the same images: tells which measure the readers agree with."""
    without: tuple[int, ...] = ()
    """Numbers of readers who are left out; the results say so."""
    unblind: bool = False
    """End the blinding, for good."""

    def run(self) -> None:
        """Call the verb."""
        from finemri.study.organise import open_study
        from finemri.study.results import results

        path = results(
            open_study(self.folder), self.into, measures=self.measures, unblind=self.unblind, without=self.without
        )
        for name, found in json.loads(path.read_text(encoding="utf-8"))["criteria"].items():
            means = ", ".join(f"{method} {mean['mean']:.2f}" for method, mean in found["means"].items())
            print(f"{name}: {means}")
        print(f"Everything: {path}; as a page: finemri report {self.into}")


@dataclass(frozen=True)
class Plan:
    """How many readers and people it takes to find a difference, by simulation."""

    difference: float
    """Points of the scale that matter."""
    readers: tuple[int, ...] = (2, 3, 5)
    """Numbers of readers to try."""
    people: tuple[int, ...] = (10, 20, 40)
    """Numbers of people to try."""
    methods: int = 2
    """So many methods share the level."""
    scores: int = 4
    """Opinions go from 1 to this."""
    taste: float = 0.2
    """Standard deviation of the difference between readers."""
    case: float = 0.3
    """Standard deviation of the difference between people."""
    noise: float = 0.5
    """Standard deviation of one reader, the same image again."""
    level: float = 0.05
    """Of the tests."""
    power: float = 0.8
    """How sure to be of finding it."""
    runs: int = 500
    """Simulated studies for every line."""

    def run(self) -> None:
        """Call the verb."""
        from finemri.study.plan import TESTS, Readings, fewest, plan

        readings = Readings(self.difference, self.scores, taste=self.taste, case=self.case, noise=self.noise)
        powers = plan(readings, self.readers, self.people, methods=self.methods, level=self.level, runs=self.runs)
        print("readers  people  " + "  ".join(f"{test:>20}" for test in TESTS))
        for each in powers:
            cells = (f"{each.found[test]:.0%} (false {each.alarms[test]:.0%})" for test in TESTS)
            print(f"{each.readers:7}  {each.people:6}  " + "  ".join(f"{cell:>20}" for cell in cells))
        for test in TESTS:
            least = fewest(powers, test, self.power)
            said = "none of these" if least is None else f"{least.readers} readers and {least.people} people"
            print(f"{self.power:.0%} by {test}: {said}")


@dataclass(frozen=True)
class Revoke:
    """Close a reader's link; their ballots stay."""

    folder: Positional[Path]
    """The study."""
    reader: Positional[int]
    """Their number, from 1."""

    def run(self) -> None:
        """Call the verb."""
        from finemri.refusal import Refusal
        from finemri.study.ballots import Ballots
        from finemri.study.organise import open_study

        study = open_study(self.folder)
        ballots = Ballots(study.database, study.design.digest)
        try:
            found = [reader for reader in ballots.readers() if reader.number == self.reader - 1]
            if not found:
                raise Refusal(f"There is no reader {self.reader}; {len(ballots.readers())} were invited.")
            ballots.revoke(found[0].id)
        finally:
            ballots.close()
        print(f"Reader {self.reader}: the link is closed.")


@dataclass(frozen=True)
class Demo:
    """A small study of the demo's images, opened in your browser: see in a minute what it is."""

    into: Path = Path("demo-study")
    """Where images and study go. Run again, it goes on."""
    port: int = 8765
    """Port to listen on."""
    open: bool = True
    """Open a reader's page in the browser."""
    device: str = "auto"
    """cpu, cuda, or auto."""

    def run(self) -> None:
        """Call the verb."""
        from finemri.demo.reading import demo_study

        demo_study(self.into, port=self.port, opened=self.open, device=self.device)


@dataclass(frozen=True)
class Study:
    """A blinded reader study in the browser: make it, serve it, count it."""

    action: Annotated[New | Invite | Serve | Results | Plan | Revoke | Demo, arg(name="")]

    def run(self) -> None:
        """Call the action."""
        self.action.run()
