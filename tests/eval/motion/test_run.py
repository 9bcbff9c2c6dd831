"""The motion report by its command, and how still points keep."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tcdcn_init import Initializer
from tcdcn_init.eval.motion import jitter as still
from tcdcn_init.eval.motion import run as motion
from tcdcn_init.eval.motion.report import MotionReport, motion_text
from tcdcn_init.eval.motion.scenarios import SCENARIOS


@pytest.fixture
def short(monkeypatch):
    """Two scenarios of five frames, and four frames under one noise."""
    for name in list(SCENARIOS):
        if name in ("moving", "turning"):
            monkeypatch.setitem(SCENARIOS, name, replace(SCENARIOS[name], seconds=0.2))
        else:
            monkeypatch.delitem(SCENARIOS, name)
    monkeypatch.setattr(motion, "NOISES", (5.0,))
    monkeypatch.setattr(motion, "draw_strip", lambda *arguments: None)
    monkeypatch.setattr(still, "FRAMES", 4)


def test_the_command_writes_its_report_and_goes_on_after_an_interruption(run, data_root, short, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    pytest.importorskip("dlib")
    follow, followed = motion.follow, []

    def interrupted(*arguments):
        if len(followed) == 2:
            raise KeyboardInterrupt
        followed.append(arguments)
        return follow(*arguments)

    command = ("motion", "--root", data_root / "mtfl", "--out", tmp_path, "--limit", "1")
    with monkeypatch.context() as patch:
        patch.setattr(motion, "follow", interrupted)
        assert run(*command).exit_code == 130
    assert not (tmp_path / "motion.json").exists()
    monkeypatch.setattr(motion, "follow", lambda *arguments: (followed.append(arguments), follow(*arguments))[1])
    result = run(*command)
    assert result.exit_code == 0, result.output
    assert len(followed) == 4  # each clip once
    report = MotionReport.read(tmp_path / "motion.json")
    assert list(report.scenarios) == ["moving", "turning", "moving smoothed", "turning smoothed"]
    assert all(figures.faces == 1 for figures in report.scenarios.values())
    assert report.scenarios["moving"].found == 1.0
    assert report.scenarios["moving"].error < 0.1
    assert (tmp_path / "motion.md").read_text() == motion_text(report)
    assert motion_text(report) in result.output
    assert (tmp_path / "motion.png").read_bytes()[:4] == b"\x89PNG"
    assert {"`FaceTracker`", "dlib with `ert68-300w`, the same box"} <= report.jitter["5"].keys()


def test_without_noise_nothing_moves_and_smoothing_keeps_stiller(monkeypatch, portrait, portrait_points, portrait_box):
    monkeypatch.setattr(still, "FRAMES", 8)
    arguments = ([portrait], [portrait_points], [np.array(portrait_box)], Initializer(), {})
    calm = still.jitter(*arguments, noise=0.0, seed=0)
    assert calm["`FaceTracker`"].sd == 0
    assert all(of.sd < 1e-3 for of in calm.values())
    noisy = still.jitter(*arguments, noise=10.0, seed=0)
    assert all(of.lost == 0 for of in noisy.values())
    tracked, smoothed = (noisy[f"`FaceTracker{name}`"].sd for name in ("", "(smoothing=OneEuro())"))
    assert 0 < smoothed < 0.8 * tracked
