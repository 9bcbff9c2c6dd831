"""The auxiliary tasks that TCDCN learns beside the five points, and the names of their classes."""

from __future__ import annotations

from tcdcn_init._shared.names import unknown_name

__all__ = ["MIRRORED_POSE", "TASKS", "check_tasks"]

TASKS: dict[str, tuple[str, ...]] = {
    "pose": ("left profile", "left", "frontal", "right", "right profile"),
    "gender": ("male", "female"),
    "glasses": ("no", "yes"),
    "smile": ("no", "yes"),
}
"""Task name -> class names, in the order of the network's outputs. Left and right as seen in the image."""

MIRRORED_POSE = (4, 3, 2, 1, 0)
"""Pose class of the mirrored image; the other tasks do not change."""


def check_tasks(names: tuple[str, ...] | list[str]) -> tuple[str, ...]:
    """Return task names in the order of `TASKS`, or say which one is unknown.

    Raises
    ------
    ValueError
        If a name is unknown or given twice.

    Examples
    --------
    >>> check_tasks(["smile", "pose"])
    ('pose', 'smile')
    """
    for name in names:
        if name not in TASKS:
            raise ValueError(unknown_name("task", name, TASKS))
    if len(set(names)) != len(names):
        raise ValueError(f"a task is named twice in {', '.join(names)}; name each once")
    return tuple(name for name in TASKS if name in names)
