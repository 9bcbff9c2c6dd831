"""The report: true to its figures, escaped, complete in one file, and shown whole by a browser at both widths."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tcdcn_init.eval.comparison.finding import finding
from tcdcn_init.eval.comparison.page.html import write_report
from tcdcn_init.eval.comparison.report import Gallery, Report
from tcdcn_init.eval.comparison.tables.details import detail_tables
from tcdcn_init.eval.comparison.tables.headline import headline_tables
from tcdcn_init.eval.comparison.tables.markdown import report_tables
from tcdcn_init.eval.comparison.tables.published import published_figures


@pytest.fixture(scope="module")
def few(draw_report: Callable[..., Report]) -> Report:
    return draw_report(faces=40, regressors=("sdm-mtfl", "rcpr-mtfl"))


@pytest.fixture(scope="module")
def plots(few: Report, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Stand-ins for the drawn plots, which matplotlib takes seconds for."""
    folder = tmp_path_factory.mktemp("plots")
    drawn = {name: folder / f"{name}.svg" for name in ("ced", "points", "poses", "noise", "roll")}
    for name, path in drawn.items():
        path.write_text(
            f'<svg xmlns="http://www.w3.org/2000/svg" width="828pt" height="400pt"><text y="20">{name}</text></svg>'
        )
    return drawn


@pytest.fixture(scope="module")
def page(few, gallery, plots, tmp_path_factory) -> Path:
    return write_report(few, gallery, tmp_path_factory.mktemp("page") / "report.html", plots)


def with_facts(report: Report, **facts: str) -> Report:
    """The report, its data set described otherwise."""
    return dataclasses.replace(report, dataset=dataclasses.replace(report.dataset, **facts))


def renamed(report: Report, name: str) -> Report:
    """The report, its SDM under another name."""
    runs = [dataclasses.replace(run, regressor=name) if run.regressor == "sdm-mtfl" else run for run in report.runs]
    return dataclasses.replace(report, runs=runs)


def test_the_finding_is_about_the_papers_regressor_and_states_the_interval(few) -> None:
    runs = {run.start: run for run in few.runs if (run.regressor, run.training) == ("rcpr-mtfl", "original")}
    new, old = runs["tcdcn-nearest"], runs["random-5"]
    interval = new.against.failure
    said = finding(few)
    assert said[0] == (
        f"On AFLW, with nothing changed but the start, rcpr-mtfl fails on {100 * new.error.failure_10:.1f} % of "
        f"40 faces from tcdcn-nearest and on {100 * old.error.failure_10:.1f} % from random-5: "
        f"{-100 * interval.estimate:.1f} percentage points fewer (95 % interval {-100 * interval.high:.1f} to "
        f"{-100 * interval.low:.1f})."
    )
    assert said[1].startswith("Retrained for each of the two starts, it fails on ")
    assert said[2].startswith("Over all 4 combinations of regressor and training")
    assert "TCDCN's five points as they are" in said[3]


def test_a_loss_is_called_a_loss_and_chance_chance(draw_report) -> None:
    lost = draw_report(faces=40, sweeps=False, regressors=("sdm-mtfl",), gain=8.0)
    assert "percentage points more (95 % interval" in finding(lost)[0]
    assert finding(lost)[2].endswith("tcdcn-nearest against random-5: more failures.")
    runs = []
    for run in lost.runs:
        if (run.start, run.training) == ("tcdcn-nearest", "original"):
            chance = dataclasses.replace(run.against.failure, estimate=0.01, low=-0.02, high=0.04)
            run = dataclasses.replace(run, against=dataclasses.replace(run.against, failure=chance))
        runs.append(run)
    even = dataclasses.replace(lost, runs=runs)
    assert "no difference beyond chance (95 % interval of the difference −2.0 to +4.0" in finding(even)[0]
    assert "more failures in 1 and no difference beyond chance in 1" in finding(even)[2]


def test_one_face_proves_nothing(draw_report, tmp_path) -> None:
    one = draw_report(faces=1, sweeps=False, regressors=("sdm-mtfl",), trainings=("original",))
    one = with_facts(one, note="one face: no figure of this report says anything about a start")
    assert "too few images to say more" in finding(one)[0]
    text = write_report(one, Gallery(), tmp_path / "report.html").read_text()
    assert "one face: no figure" in text
    assert "Paired difference" not in text
    assert "interval" not in report_tables(one)


def test_what_was_not_measured_is_not_spoken_of(draw_report, tmp_path) -> None:
    bare = draw_report(faces=20, sweeps=False, regressors=("sdm-mtfl",), trainings=("original",), name="mtfl-val")
    text = write_report(bare, None, tmp_path / "report.html").read_text()
    for word in ("roll", "noise", "Published", "Most improved", "Curves"):
        assert word not in re.sub("<[^>]*>", " ", text.partition("</style>")[2]), word
    alone = dataclasses.replace(bare, runs=bare.runs[:1], starts=[], timings=None)
    assert "five points as they are" in write_report(alone, None, tmp_path / "alone.html").read_text()


def test_the_best_of_a_row_is_fair(few) -> None:
    failures, errors = headline_tables(few)
    assert failures.head == ("regressor", "training", *few.starts)
    assert [(row[0].text, row[1].text) for row in errors.rows] == [
        (regressor, training) for regressor in ("rcpr-mtfl", "sdm-mtfl") for training in ("original", "retrained")
    ]
    for row in errors.rows:
        fair = {name: cell for name, cell in zip(errors.head[2:], row[2:], strict=True) if name != "oracle"}
        assert not row[-1].best
        assert {name for name, cell in fair.items() if cell.best} == {
            min(fair, key=lambda name: float(fair[name].text))
        }
        assert fair["random-5"].detail == "baseline"
        assert re.fullmatch(r"−[\d.]+ \(−[\d.]+ to −[\d.]+\)", fair["tcdcn-nearest"].detail)


def test_published_figures_are_marked_and_ours_are_not_among_them(few) -> None:
    rows = published_figures(few)
    assert {name for name, _, ours in rows if not ours} == set(few.published.figures["aflw"])
    assert ("RCPR", pytest.approx(0.116), False) in rows
    assert sum(ours for *_, ours in rows) == 1 + 4 * 2
    assert [value for _, value, _ in rows] == sorted(value for _, value, _ in rows)


def test_tables_hold_every_run_in_even_rows(few, draw_report) -> None:
    figures, points, poses, noise, roll = detail_tables(few)
    assert [len(table.rows) for table in (figures, points, poses, noise, roll)] == [25] * 5
    for table in (figures, points, poses, noise, roll):
        assert {len(row) for row in table.rows} == {len(table.head)}
    dense = draw_report(
        points=68,
        faces=8,
        sweeps=False,
        regressors=("ert68-300w",),
        starts=("random-5", "tcdcn-nearest"),
        name="afw68",
    )
    assert len(detail_tables(dense)[1].rows) == 68
    assert "Published" not in report_tables(dense)


def test_markdown_tables_are_well_formed_and_end_in_a_newline(few) -> None:
    odd = renamed(few, "a|b*c")
    text = report_tables(odd)
    assert text.startswith("# AFLW: 40 faces of 20 images, 5 points\n\nOn AFLW")
    assert text.endswith("\n")
    assert "a\\|b\\*c" in text
    for block in text.split("\n\n"):
        if block.startswith("|"):
            assert len({len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}) == 1


class _Page(HTMLParser):
    """Attributes that load something, images without a description, and tags left open."""

    def __init__(self) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.headings: list[int] = []
        self.open: list[str] = []
        self.wrong: list[str] = []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.sources += [given[name] for name in ("src", "href", "xlink:href", "srcset") if given.get(name)]
        if tag == "img" and not given.get("alt"):
            self.wrong.append("img without alt")
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag not in ("img", "meta", "link", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}>")


def test_the_page_is_one_file_well_formed_and_escaped(few, gallery, plots, tmp_path) -> None:
    odd = dataclasses.replace(
        with_facts(renamed(few, "<u>x</u>"), title="A&B <i>", note="<img src=x>"),
        command='tcdcn-init eval --root "<script>alert(1)</script>"',
    )
    first, second, *others = gallery.worst
    lost = dataclasses.replace(first.panels[0], shape=[], error=1.0)
    first = dataclasses.replace(first, name='"><script>x</script>', panels=[lost, *first.panels[1:]])
    second = dataclasses.replace(second, truth=[*second.truth[:2], None, *second.truth[3:]])
    faces = Gallery(gallery.improved, [first, second, *others])
    text = write_report(odd, faces, tmp_path / "report.html", plots).read_text()
    for bad in ("<script", "<i>", "<img src=x", "<u>", "<b>broken", "http:", "https:", "@import", "url("):
        assert bad not in text, bad
    assert "&lt;b&gt;broken&lt;/b&gt;.jpg: cannot be read as an image: broken &amp; cut off" in text
    assert "no result" in text
    page = _Page()
    page.feed(text)
    assert page.wrong == []
    assert page.open == []
    assert all(source.startswith(("data:image/", "#")) for source in page.sources)
    assert page.headings[0] == 1
    assert all(b - a <= 1 for a, b in zip(page.headings, page.headings[1:], strict=False))


def test_an_image_that_lies_elsewhere_is_refused(few, gallery, tmp_path) -> None:
    elsewhere = dataclasses.replace(gallery.worst[0], image="faces/0.jpg")
    with pytest.raises(ValueError, match="expected a data URI"):
        write_report(few, Gallery(worst=[elsewhere]), tmp_path / "report.html")


_MEASURE = """<!DOCTYPE html><body style="margin:0"><iframe id="f" src="report.html"></iframe><pre id="o"></pre><script>
const f = document.getElementById("f"), found = [];
f.style = "border:0;height:900px;width:WIDTHpx";
// The frame's load event comes after its images; nothing is awaited, so that a busy machine prints no page too early.
f.onload = () => {
  const page = f.contentDocument, wide = page.documentElement, images = [...page.images];
  document.getElementById("o").textContent = JSON.stringify({
    client: wide.clientWidth, scroll: wide.scrollWidth, images: images.length,
    broken: images.filter(image => !image.naturalWidth).length,
    loaded: f.contentWindow.performance.getEntriesByType("resource").filter(e => !e.name.startsWith("data:")).length,
  });
};
</script>"""


@pytest.mark.parametrize("width", [1366, 390])
def test_a_browser_shows_the_page_without_overflow_and_every_picture(page, width, tmp_path) -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no chromium on the PATH")
    shutil.copy(page, tmp_path / "report.html")
    # In a frame, because a window of the browser is never as narrow as a phone.
    (tmp_path / "measure.html").write_text(_MEASURE.replace("WIDTH", str(width)))
    command = [
        *(chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"),
        *(
            "--host-resolver-rules=MAP * ~NOTFOUND",
            "--allow-file-access-from-files",
            f"--user-data-dir={tmp_path / 'u'}",
        ),
        *("--window-size=1400,1000", "--virtual-time-budget=10000", "--dump-dom", (tmp_path / "measure.html").as_uri()),
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    except subprocess.TimeoutExpired:
        pytest.skip("chromium did not answer in two minutes")
    measured = re.search(r'<pre id="o">(\{.*\})</pre>', done.stdout)
    assert measured is not None, done.stdout[-500:] + done.stderr[-500:]
    found = json.loads(measured[1])
    assert found["scroll"] <= found["client"] <= width
    assert found["images"] == 5 + 2 * 8
    assert found["broken"] == 0
    assert found["loaded"] == 0
