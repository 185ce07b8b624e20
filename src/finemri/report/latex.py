"""Tables as LaTeX (booktabs), with the page's rounding and its columns; every character of theirs is text."""

from collections.abc import Sequence

from finemri.report.exhibits import Table

SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': r"\textquotedbl{}", "−": "$-$", "×": r"$\times$", "±": r"$\pm$", "∞": r"$\infty$",
    "·": r"$\cdot$", "≤": r"$\leq$", "≥": r"$\geq$", "→": r"$\to$", "√": r"$\surd$", "σ": r"$\sigma$", "–": "--",
    "°": r"$^\circ$", "½": r"$\frac12$", "²": r"$^2$", "³": r"$^3$", "‖": r"$\|$", "…": r"\dots{}", "\u00a0": "~",
}  # fmt: skip
HEAD = "% Made by finemri report. In the preamble: \\usepackage[T1]{fontenc} \\usepackage{booktabs}"
LONG, TALL = 40, 35
"""Characters of a cell that is broken over lines, and rows of a table that is broken over pages."""


def latex_of(table: Table) -> str:
    """A floating table, what stands over rows in italics; of many rows a longtable, which breaks over pages."""
    rows = [row for _, body in table.bodies for row in body]
    columns = range(len(table.columns))
    wide = [n for n in columns if any(len(row[n].shown) > LONG for row in rows)]
    share = rf"p{{{0.75 / max(1, len(wide)):.2f}\linewidth}}"
    kinds = "".join(share if n in wide else "r" if n in table.right else "l" for n in columns)
    lines = [_row(table.columns), r"\midrule"]
    for n, (title, body) in enumerate(table.bodies):
        if title:
            lines += [r"\addlinespace"] if n else []
            lines.append(rf"\multicolumn{{{len(columns)}}}{{l}}{{\emph{{{escaped(title)}}}}} \\")
        lines += [_row([each.shown for each in row]) for row in body]
    caption = rf"\caption{{{escaped(table.caption)}}}"
    if len(rows) > TALL:
        head = [HEAD + r" \usepackage{longtable}", rf"\begin{{longtable}}{{{kinds}}}", caption + r" \\", r"\toprule"]
        return "\n".join([*head, *lines, r"\bottomrule", r"\end{longtable}"]) + "\n"
    head = [HEAD, r"\begin{table}[tbp]", r"\centering", caption, rf"\begin{{tabular}}{{{kinds}}}", r"\toprule"]
    return "\n".join([*head, *lines, r"\bottomrule", r"\end{tabular}", r"\end{table}"]) + "\n"


def escaped(text: str) -> str:
    """Text -> LaTeX that prints it. Letters beyond ASCII stay as they are: LaTeX reads UTF-8."""
    return "".join(SPECIAL.get(character, character) for character in text if character.isprintable())


def _row(cells: Sequence[str]) -> str:
    # a row that began with [ would be read as the length that the row before ends with
    return " & ".join(("{}" if n == 0 and c.startswith("[") else "") + escaped(c) for n, c in enumerate(cells)) + r" \\"
