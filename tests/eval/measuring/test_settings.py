"""Settings: what is out of range is named, and a report states what decides its numbers."""

from __future__ import annotations

import pytest

from tcdcn_init.eval.measuring.settings import Settings, StatedSettings
from tcdcn_init.network.config import DEFAULT_PASSES
from tcdcn_init.weights import DEFAULT_MODEL


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"passes": 0}, "passes is 0"),
        ({"limit": 0}, "limit is 0"),
        ({"seed": -1}, "seed is -1"),
        ({"jobs": 0}, "jobs is 0"),
    ],
)
def test_what_is_out_of_range_is_named(wrong, message):
    with pytest.raises(ValueError, match=message):
        Settings(**wrong)


def test_processes_are_not_stated_since_they_change_no_number():
    assert Settings(jobs=2, command="c").stated == Settings().stated
    assert Settings(limit=3, seed=4).stated == StatedSettings(DEFAULT_MODEL, "auto", DEFAULT_PASSES, False, 3, 4)


def test_the_initializer_is_as_the_settings_say(small_model):
    made = Settings(str(small_model), "torch", passes=2, mirror=True).make_initializer()
    assert (made.passes, made.mirror) == (2, True)
