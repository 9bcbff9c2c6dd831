"""Names of tasks and classes."""

from __future__ import annotations

import pytest

from tcdcn_init.tasks import MIRRORED_POSE, TASKS, check_tasks


def test_tasks_are_put_in_order():
    assert check_tasks(["smile", "gender"]) == ("gender", "smile")
    assert check_tasks([]) == ()


def test_bad_names_are_refused():
    with pytest.raises(ValueError, match=r"unknown task 'smiles'; did you mean smile\?"):
        check_tasks(["smiles"])
    with pytest.raises(ValueError, match="twice"):
        check_tasks(["pose", "pose"])


def test_a_mirrored_pose_has_left_and_right_exchanged():
    for pose, mirrored in enumerate(MIRRORED_POSE):
        names = TASKS["pose"][pose], TASKS["pose"][mirrored]
        assert names[1] == names[0].replace("left", "?").replace("right", "left").replace("?", "right")
