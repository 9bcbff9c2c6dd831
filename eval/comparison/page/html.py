"""The report of an evaluation as one HTML page that needs nothing but itself.

Style, plots and faces are inside the file; it asks for no script, no font and no network. What comes from data is
escaped.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from html import escape
from importlib import resources
from pathlib import Path

from tcdcn_init.eval.comparison.finding import finding, heading
from tcdcn_init.eval.comparison.page.gallery import gallery_html
from tcdcn_init.eval.comparison.plots import start_colours
from tcdcn_init.eval.comparison.report import Gallery, Report
from tcdcn_init.eval.comparison.tables.cells import Cell, Table
from tcdcn_init.eval.comparison.tables.details import detail_tables
from tcdcn_init.eval.comparison.tables.headline import headline_tables
from tcdcn_init.eval.comparison.tables.points_alone import points_tables
from tcdcn_init.eval.comparison.tables.published import part_tables, published_figures, published_note
from tcdcn_init.eval.measuring.documents import write_text
from tcdcn_init.eval.starts import DEFAULT_COUNT

__all__ = ["write_report"]

_STARTS = {
    "random": "training shapes drawn at random and placed in the box; RCPR's start",
    "mean": "the mean training shape placed in the box; the start of SDM and ERT",
    "tcdcn-aligned": "the mean shape carried onto TCDCN's five points",
    "tcdcn-own": "what the regressor itself makes of TCDCN's five points",
    "tcdcn-nearest": "the training shapes nearest to TCDCN's five points, carried onto them; the TCDCN paper's start",
    "tcdcn-sure": "the same where TCDCN is sure of its points, elsewhere the mean shape in the box",
    "oracle": "the same from the annotated points: what perfect points would give",
}

# Title, caption and what the plot shows to those who do not see it.
_PLOTS = {
    "ced": (
        "How many faces stay below each error",
        "Cumulative error curves: higher and further left is better. The dotted line is the failure threshold of 10 %, "
        "and beside each name is the share of faces within it.",
    ),
    "points": (
        "Which points gain",
        "Relative improvement of each point's mean error, the figure that the TCDCN paper shows for RCPR. Above zero "
        "TCDCN's start is better, below it is worse; whiskers are 95 % intervals.",
    ),
    "poses": ("By pose of the head", "Mean error from each start, by annotated pose; left and right as seen."),
    "noise": (
        "When the face box is wrong",
        "Failures when noise is added to the box: its centre and the logarithm of its size.",
    ),
    "roll": ("When the head is rolled", "Failures on the same faces rotated by each angle in their boxes."),
}

_IMPROVED = ("Most improved faces", "Where the error fell most from the left panel to the right one.")
_WORST = ("Worst faces", "Where the result from TCDCN's start is worst. They are shown because they happen.")


def write_report(
    report: Report,
    gallery: Gallery | None,
    path: Path,
    plots: Mapping[str, Path] | None = None,
) -> Path:
    """Write the page.

    Parameters
    ----------
    report : Report
    gallery : Gallery, optional
    path : pathlib.Path
        File to write.
    plots : mapping of str to pathlib.Path, optional
        What `plots.draw_plots` returned: name -> SVG file, which is put into the page. A plot that is not there is not
        spoken of.

    Returns
    -------
    pathlib.Path
        `path`.

    Raises
    ------
    ValueError
        If the image of a face is not a data URI.
    """
    sections = [
        ("result", "Result", _result(report)),
        ("points", "Points", _points(report)),
        ("parts", "Parts", _parts(report)),
        ("plots", "Curves", _plots(report, plots or {})),
        ("published", "Published", _published(report)),
        ("faces", "Faces", _faces(report, gallery or Gallery())),
        ("figures", "All figures", _figures(report)),
        ("method", "Method", _method(report)),
    ]
    sections = [section for section in sections if section[2]]
    said = finding(report)
    title = f"Which start serves best? {report.dataset.title}"
    links = "".join(f'<a href="#{name}">{label}</a>' for name, label, _ in sections)
    body = "".join(f'<section id="{name}">{text}</section>' for name, _, text in sections)
    style = resources.files("tcdcn_init.eval.comparison.page").joinpath("page.css").read_text()
    write_text(
        path,
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<header>"
        f'<p class="eyebrow">{escape(heading(report))}</p><h1>The start is the only thing that changed</h1>'
        + "".join(f'<p class="{"more" if k else "finding"}">{_words(text)}</p>' for k, text in enumerate(said))
        + f'<nav aria-label="Sections">{links}</nav></header>\n<main>{body}</main>\n'
        f"<footer>Made by tcdcn-init {escape(_version(report))}.</footer>\n</body>\n</html>\n",
    )
    return path


def _result(report: Report) -> str:
    if all(run.is_bare for run in report.runs):
        return ""
    parts = [
        "<h2>Same regressor, same faces, other starts</h2>"
        '<p class="lead">Each row is one cascaded regressor; along the row only its start changes. '
        "<b>Original</b> regressors are as they were trained; <b>retrained</b> ones were trained again, with starts "
        "that err as this start does. An original regressor knows the starts that it was trained from, which favours "
        "them.</p>"
    ]
    tables = headline_tables(report)
    parts += [_table(table, report, "headline", note=table is tables[-1]) for table in tables]
    colours = start_colours(report.starts)
    others = {each.start: each.points for each in report.points_alone}
    about = [(name, _others(others[name]) if name in others else _protocol(name)) for name in colours]
    rows = "".join(
        f"<div><dt>{_swatch(colours[name])}{escape(name)}</dt><dd>{escape(text)}</dd></div>" for name, text in about
    )
    return "".join(parts) + f'<dl class="starts">{rows}</dl>'


def _protocol(start: str) -> str:
    """What a start of the protocol is, and what the number in its name means."""
    number = start.rpartition("-")[2]
    if not number.isdigit():
        number = "1" if start in ("mean", "tcdcn-aligned", "tcdcn-own") else str(DEFAULT_COUNT)
    return next((text for stem, text in _STARTS.items() if start.startswith(stem)), "") + _median(number)


def _others(points: int) -> str:
    """What a start from points is that are not TCDCN's."""
    if points != 5:
        return "a whole shape that is not TCDCN's, as it is"
    return f"from five points that are not TCDCN's, as tcdcn-nearest takes them{_median(str(DEFAULT_COUNT))}"


def _median(number: str) -> str:
    return "" if number == "1" else f"; {number} of them, and the median of the {number} results"


def _points(report: Report) -> str:
    lead = '<p class="lead">TCDCN\'s points beside those of others, with no regressor after them.</p>'
    tables = points_tables(report)
    return f"<h2>Whose points are better</h2>{lead}{''.join(_table(t, report) for t in tables)}" if tables else ""


def _parts(report: Report) -> str:
    tables = part_tables(report)
    return "<h2>By part of the data set</h2>" + "".join(_table(table, report) for table in tables) if tables else ""


def _plots(report: Report, plots: Mapping[str, Path]) -> str:
    figures = []
    for name, (title, caption) in _PLOTS.items():
        if name not in plots:
            continue
        drawing = plots[name].read_bytes()
        data = base64.b64encode(drawing).decode()
        alt = f"Plot: {title.lower()}. {caption}"
        sweep = {"noise": report.noise, "roll": report.roll}.get(name)
        if sweep is not None:
            caption += f" {sweep.faces:,} faces."
        figures.append(
            f'<figure class="plot"><h3>{escape(title)}</h3>{_scroll(title)}'
            f'<img src="data:image/svg+xml;base64,{data}" alt="{escape(alt)}"{_single(drawing)}></div>'
            f"<figcaption>{_words(caption)}</figcaption></figure>"
        )
    return f"<h2>Curves</h2>{''.join(figures)}" if figures else ""


def _single(drawing: bytes) -> str:
    """One panel is not blown up to the width of two."""
    width = re.search(rb'<svg[^>]* width="([0-9.]+)pt"', drawing)
    return ' class="single"' if width is not None and float(width[1]) < 700 else ""


def _published(report: Report) -> str:
    rows = published_figures(report)
    if not rows:
        return ""
    most = max(value for _, value, _ in rows)
    body = "".join(
        f'<tr class="{"measured" if ours else "published"}"><th scope="row">{escape(name)}</th>'
        f"<td>{'measured here' if ours else 'published'}</td><td>{100 * value:.{2 if ours else 1}f}</td>"
        f'<td class="bar"><i style="width:{100 * value / most:.1f}%"></i></td></tr>'
        for name, value, ours in rows
    )
    return (
        f'<h2>Published figures beside ours</h2><p class="lead">{_words(published_note(report))}</p>'
        f'{_scroll("Published figures beside ours")}<table class="race"><thead><tr>'
        '<th class="label" scope="col">method</th><th scope="col">source</th>'
        '<th scope="col">mean error, %</th><td></td></tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _faces(report: Report, gallery: Gallery) -> str:
    parts = [
        f'<h3>{title}</h3><p class="lead">{text}</p>{gallery_html(faces, report.starts)}'
        for faces, (title, text) in ((gallery.improved, _IMPROVED), (gallery.worst, _WORST))
        if faces
    ]
    if not parts:
        return ""
    legend = (
        "Thin white lines: where the regressor started. Thick lines in the colour of the start: where it ended. Yellow "
        "rings: the annotation. Under each panel is the error of the result, in % of the inter-ocular distance; above "
        "10 % it fails."
    )
    return f'<h2>Faces</h2><p class="lead">{_words(legend)}</p>{"".join(parts)}'


def _figures(report: Report) -> str:
    return "<h2>All figures</h2>" + "".join(_table(table, report) for table in detail_tables(report))


def _method(report: Report) -> str:
    data, model, machine = report.dataset, report.model, report.hardware
    boxes = "the data set's own" if data.boxes == "given" else "derived from the annotated points, for all faces"
    if data.boxes == "given" and data.boxes_derived:
        boxes += f"; {data.boxes_derived:,} without one: theirs is derived from the annotated points"
    versions = ", ".join(f"{name} {number}" for name, number in machine.versions.items())
    unreadable = "".join(f"<li>{escape(name)}: {escape(str(reason))}</li>" for name, reason in data.unreadable.items())
    facts = [
        ("Command", f"<pre><code>{escape(report.command)}</code></pre>"),
        ("Seed", escape(str(report.seed))),
        ("Faces", escape(f"{data.faces:,} of {data.images:,} images, {data.points} points each")),
        ("Boxes", escape(boxes)),
        ("Note", escape(data.note)),
        ("Unreadable", f"<ul>{unreadable}</ul>" if unreadable else ""),
        (
            "Model",
            escape(", ".join([model.name, model.backend, f"passes: {model.passes}", *["mirror"] * model.mirror])),
        ),
        ("Machine", escape(f"{machine.processor}, {machine.cores} cores, {machine.system}")),
        ("Versions", escape(f"Python {machine.python}, {versions}")),
        ("Time", "" if report.timings is None else escape(_duration(report.timings.seconds))),
        ("Error of a face", _ERROR),
        (
            "Failure",
            "An error above 10 %. A face that could not be read or got no result fails too, with an error of 100 %.",
        ),
        ("Intervals", _INTERVALS),
    ]
    rows = "".join(f"<dt>{name}</dt><dd>{text}</dd>" for name, text in facts if text)
    return f'<h2>How it was measured</h2><dl class="facts">{rows}</dl>'


_ERROR = (
    "Mean distance of its points to the annotation, divided by the distance of the annotated eye centres. "
    "&ldquo;By box side&rdquo; divides by the side of the face box instead, which a turned head does not shorten."
)
_INTERVALS = (
    "95 %, BCa bootstrap over images of the paired differences on the same faces. A difference counts only where "
    "its interval excludes zero."
)


def _table(table: Table, report: Report, kind: str = "", *, note: bool = True) -> str:
    colours, ours = start_colours(report.starts), report.seeded_start
    head = ""
    for k, name in enumerate(table.head):
        swatch = _swatch(colours[name]) if name in colours else ""
        marks = "label" if k < table.labels else "ours" if name == ours else ""
        head += f'<th scope="col"{_class(marks)}>{swatch}{escape(name)}</th>'
    body, before = "", ("", "")
    for row in table.rows:
        group = (row[0].text, row[1].text)
        cells = [f'<th scope="row">{_start_name(cell.text, colours)}</th>' for cell in row[: table.labels]]
        for name, cell in zip(table.head[table.labels :], row[table.labels :], strict=True):
            cells.append(f"<td{_class('ours' if name == ours else '')}>{_cell(cell)}</td>")
        begins = table.labels > 2 and body and group != before
        body += f"<tr{_class('first' if begins else '')}>{''.join(cells)}</tr>"
        before = group
    below = f'<p class="note">{_words(table.note)}</p>' if note and table.note else ""
    return (
        f"<h3>{escape(table.title)}</h3>{_scroll(table.title)}<table{_class(kind)}>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{below}"
    )


def _cell(cell: Cell) -> str:
    text = f"<b>{escape(cell.text)}</b>" if cell.best else escape(cell.text)
    if not cell.detail:
        return text
    # In a narrow column the line breaks before the interval, not inside it.
    first, bracket, rest = escape(cell.detail).partition(" (")
    interval = f" <span>({rest}</span>" if bracket else ""
    return f"{text}<small{_class(cell.tone)}><span>{first}</span>{interval}</small>"


def _words(text: str) -> str:
    """Running text; a percent sign stays with its number."""
    return escape(text).replace(" %", "&nbsp;%")


def _start_name(text: str, colours: Mapping[str, str]) -> str:
    return (_swatch(colours[text]) if text in colours else "") + escape(text)


def _swatch(colour: str) -> str:
    return f'<i class="swatch" style="--start:{colour}"></i>'


def _class(names: str) -> str:
    return f' class="{names}"' if names else ""


def _scroll(label: str) -> str:
    """What is wider than the page scrolls by itself, by keyboard too."""
    return f'<div class="scroll" role="region" tabindex="0" aria-label="{escape(label)}">'


def _duration(seconds: float) -> str:
    minutes = seconds / 60
    if minutes < 2:
        return f"{seconds:.0f} seconds in all"
    return f"{minutes:.0f} minutes in all" if minutes < 120 else f"{minutes / 60:.1f} hours in all"


def _version(report: Report) -> str:
    return str(report.hardware.versions.get("tcdcn-init", ""))
