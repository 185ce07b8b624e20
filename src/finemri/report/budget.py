"""Label budgets: how good a method is that was given the true images of fewer and fewer people."""

from finemri.measures import title_of
from finemri.report.beside import not_ours, read_table
from finemri.report.charts import Series, chart
from finemri.report.found import Job
from finemri.report.markup import cell, esc, number, table
from finemri.report.words import digits_of

COLUMNS = ("labelled people", "seed", "measure", "mean over people")
"""Of budget.csv, which finemri sweep leaves beside the folder of its exam."""
BASELINE = "zero-filled"


def budgets_of(job: Job, n: int) -> str:
    """A curve for each measure, over the number of labelled people, and the table; "" where nobody swept."""
    path = job.folder.parent / "budget.csv"
    found: dict[str, list[tuple[int, int, float]]] = {}
    try:
        for row in read_table(path, COLUMNS) if job.folder.name == "exam" else []:
            run = (int(row[COLUMNS[0]]), int(row["seed"]), float(row[COLUMNS[3]]))
            found.setdefault(row["measure"], []).append(run)
    except ValueError as trouble:
        raise not_ours(path) from trouble
    figures, bodies = [], []
    for k, (measure, runs) in enumerate(found.items()):
        means = {budget: _mean([v for b, _, v in runs if b == budget]) for budget in sorted({b for b, _, _ in runs})}
        floor = _floor(job, measure)
        figures.append(_curve(f"budget-{n}-{k}", title_of(measure), means, runs, floor))
        digits = digits_of(measure)
        rows = []
        for budget, mean in means.items():
            own = sorted((seed, value) for b, seed, value in runs if b == budget)
            seeds = "; ".join(f"seed {seed}: {number(value, digits)}" for seed, value in own)
            over = cell("–" if floor is None else number(mean - floor, digits, "+"), kind="n")
            rows.append([str(budget), cell(number(mean, digits), kind="n"), over, cell(seeds)])
        bodies.append((esc(title_of(measure)), rows))
    columns = ("people with labels", "mean", f"over {BASELINE}", "of every seed")
    return "".join([*figures, table("Quality and labels, means over people", columns, bodies)]) if bodies else ""


def _curve(
    name: str, title: str, means: dict[int, float], runs: list[tuple[int, int, float]], floor: float | None
) -> str:
    line = Series("mean over seeds", list(means.items()), [(b, v) for b, _, v in runs])
    told = "; ".join(f"{budget} people: {value:.4g}" for budget, value in means.items())
    base = "" if floor is None else f" Dashed: {BASELINE}, {floor:.4g}."
    head = f"{title} against people with labels; a dot a seed{', dashed: ' + BASELINE if floor is not None else ''}"
    floors = [] if floor is None else [floor]
    return chart(name, head, ("people with labels", title), [line], told + "." + base, lines=floors, ticks=[*means])


def _floor(job: Job, measure: str) -> float | None:
    """The same measure of those whom nobody reconstructed, as the sweep draws it: inside the head."""
    rows = [r for r in job.rows if (r.method, r.measure, r.contract.mask) == (BASELINE, measure, "head")]
    return _mean([row.value for row in rows]) if rows else None


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
