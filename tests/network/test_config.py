"""What a set of weights says it is."""

from __future__ import annotations

import dataclasses
import json

import pytest

from tcdcn_init.network.config import TCDCNConfig


def test_the_default_is_the_papers_network():
    config = TCDCNConfig()
    assert config.side == 40
    assert config.sides() == [36, 16, 6, 2]  # outputs of the convolutions, before pooling
    assert (config.widths, config.kernels, config.feature) == ((16, 48, 64, 64), (5, 3, 3, 2), 100)
    assert config.tasks == ("pose", "gender", "glasses", "smile")
    assert config.shared_filters


def test_a_configuration_survives_json():
    config = TCDCNConfig(side=48, widths=(8, 8), kernels=(3, 3), tasks=("smile",), shared_filters=False)
    fields = json.loads(json.dumps(dataclasses.asdict(config)))
    again = TCDCNConfig(**{key: tuple(v) if isinstance(v, list) else v for key, v in fields.items()})
    assert again == config
    assert hash(again) == hash(config)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"tasks": ("smile", "age")}, "unknown task 'age'"),
        ({"tasks": ("smile", "smile")}, "named twice"),
        ({"widths": (16, 48)}, "2 widths for 4 kernels"),
        ({"widths": (), "kernels": ()}, "0 widths for 0 kernels"),
        ({"side": 20}, "side 20 is too small"),
    ],
)
def test_what_cannot_be_built_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        TCDCNConfig(**fields)
