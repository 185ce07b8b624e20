"""Tables of a reader study: rows and cells out of what study-results.json holds."""

from collections.abc import Mapping, Sequence
from typing import Any

from finemri.report.markup import cell, esc, note, number, table
from finemri.report.words import setting_of

MEANS = ("method", "mean", "interval (people)", "interval (readers)", "interval (both)")
DIFFERENCES = (
    "method", "difference", "interval (people)", "interval (both)", "p (Holm)", "p (all pairs)", "p (ranks)",
    "p (readers)", "superiority", "people × readers",
)  # fmt: skip
PREFERENCE = ("method", "strength", "95 % interval", "won", "of")
WITHIN = ("reader", "repeats", "answered alike", "weighted κ")
LEAST_P = 1e-4
"""Smaller ones are printed as that: the far tail is the test's, not the data's."""


def means_of(found: Mapping[str, Any]) -> list[list[str]]:
    """A row a method."""
    return [
        [esc(method), _number(mean["mean"]), *(_interval(mean[kind]) for kind in ("people", "readers", "both"))]
        for method, mean in found.items()
    ]


def preference_of(found: Mapping[str, Any]) -> list[list[str]]:
    """A row a method, the most preferred first."""
    return [
        [
            esc(method),
            _number(each["value"], "+"),
            _interval((each["low"], each["high"])),
            _plain(each["wins"]),
            _plain(each["comparisons"]),
        ]
        for method, each in sorted(found.items(), key=lambda named: -named[1]["value"])
    ]


def agreement_of(found: Mapping[str, Any]) -> str:
    """One sentence."""
    told = [f"Between readers, over {found['trials']} trials: α {_said(found['alpha_ordinal'])}"]
    if "icc_images" in found:
        told.append(f"over the {found['icc_images']} images that {found['icc_readers']} readers all judged")
    told += [
        f"ICC ({kind}) {_said(each['value'])} [{_said(each['low'])}, {_said(each['high'])}]"
        for kind in ("agreement", "consistency")
        if (each := found.get(f"icc_{kind}"))
    ]
    return note("; ".join(told) + ".")


def within_of(found: Mapping[str, Any]) -> list[list[str]]:
    """A row a reader."""
    return [
        [esc(reader), _plain(each["repeats"]), _number(each["alike"]), _number(each.get("kappa"))]
        for reader, each in found.items()
    ]


def differences_of(found: Sequence[Mapping[str, Any]], *, tested: bool) -> list[tuple[str, list[list[str]]]]:
    """A body for each method that others are held against; without p over people where they are too few."""
    bodies: dict[str, list[list[str]]] = {}
    for each in found:
        mean = each["mean"]
        row = [esc(each["method"]), _number(mean["mean"], "+"), _interval(mean["people"]), _interval(mean["both"])]
        row += [_chance(each[kind] if tested else None) for kind in ("p_holm", "p_pairs", "p_ranks")]
        row.append(_chance(each["p_readers"]))
        row += [_number(each["superiority"]), _plain(f"{each['people']} × {each['readers']}")]
        bodies.setdefault(f"against {esc(each['other'])}", []).append(row)
    return list(bodies.items())


def readers_of(told: Mapping[str, Any]) -> str:
    """The table of readers."""
    columns = ("reader", "trials", "catch trials failed", "median seconds a trial")
    rows = [
        [
            esc(reader),
            _plain(each["trials"]),
            _plain(f"{each['catches_failed']} of {each['catches']}"),
            _number(each["seconds"], digits=1),
        ]
        for reader, each in told["by_reader"].items()
    ]
    return table("Readers", columns, [(None, rows)])


def correlations_of(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """The table of measures, a body a criterion."""
    bodies = [
        (
            esc(criterion),
            [
                [
                    _measure(each),
                    _number(each["rho"], "+"),
                    _interval((each["low"], each["high"])),
                    _plain(each["people"]),
                ]
                for each in listed
            ],
        )
        for criterion, listed in found.items()
    ]
    return table("Opinion and measures", ("measure", "ρ", "95 % interval", "people"), bodies)


def _measure(each: Mapping[str, Any]) -> str:
    setting = setting_of(each["degradation"], each["scale"])
    return f"{esc(each['measure'])}, {esc(each['mask'])} <small>{esc(setting)}</small>"


def _number(value: float | None, sign: str = "", digits: int = 2) -> str:
    return cell("–" if value is None else number(value, digits, sign), kind="n")


def _chance(p: float | None) -> str:
    """A p; never 0, which no test can say."""
    if p is None or not p < LEAST_P:  # NaN is none either
        return _number(p, digits=4)
    return cell(f'<data value="{p!r}" title="{p!r}">&lt; {LEAST_P:.4f}</data>', kind="n")


def _plain(value: int | str) -> str:
    return cell(esc(str(value)), kind="n")


def _interval(ends: Sequence[float | None]) -> str:
    low, high = ends
    return cell("–" if low is None or high is None else f"{number(low, 2)} to {number(high, 2)}", kind="n")


def _said(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2f}".replace("-", "−")
