"""`tcdcn-init detection` on a photograph of AFW."""

from __future__ import annotations

from tcdcn_init.eval.detection.figures import DetectionReport
from tcdcn_init.eval.detection.report import detection_text


def test_the_command_writes_figures_page_plot_and_what_nobody_marked(run, data_root, tmp_path):
    options = ("--afw", data_root / "afw", "--detectors", "skimage", "--limit", 1, "--out", tmp_path)
    result = run("detection", *options)
    assert result.exit_code == 0, result.output
    report = DetectionReport.read(tmp_path / "detection.json")
    assert report.command.startswith("tcdcn-init detection --afw")
    assert report.sets["afw"].photographs == 1
    assert (tmp_path / "detection.md").read_text(encoding="utf-8") == detection_text(report)
    assert (tmp_path / "detection.png").stat().st_size > 10_000
    assert (tmp_path / "photographs" / "unmarked-afw-skimage.jpg").exists()
    assert (tmp_path / "photographs" / ".gitignore").read_text() == "*\n"
    assert not list(tmp_path.glob("*.journal"))


def test_what_cannot_be_measured_is_named(run, tmp_path):
    assert "name at least one: --data FOLDER, --afw FOLDER" in run("detection", "--out", tmp_path).output
    result = run("detection", "--afw", tmp_path, "--detectors", "dlip", "--out", tmp_path)
    assert "unknown detector 'dlip'; did you mean dlib?" in result.output
