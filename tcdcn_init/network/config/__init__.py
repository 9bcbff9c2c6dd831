"""Configurations of networks, as model files state them. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from tcdcn_init.network.config.dense import DenseConfig
from tcdcn_init.network.config.limits import MOST_ACTIVATIONS, check_fields
from tcdcn_init.network.config.stages import StageConfig, TwoStageConfig
from tcdcn_init.tasks import TASKS, check_tasks

if TYPE_CHECKING:  # numpy, without which commands start
    from tcdcn_init.network.config.own_points import OwnPoints

__all__ = [
    "DEFAULT_BACKEND",
    "DEFAULT_PASSES",
    "BackendName",
    "ModelConfig",
    "NetworkConfig",
    "ResidualConfig",
    "TCDCNConfig",
    "config_from_dict",
    "config_to_dict",
    "crop_sides",
    "output_shapes",
    "point_count",
]

BackendName: TypeAlias = Literal["auto", "onnx", "torch"]
"""What runs a network (`backends.load_backend`)."""

# Here, so that commands start without loading what uses them.
DEFAULT_BACKEND: BackendName = "auto"
"""onnxruntime, the faster one, where the model has a .onnx file."""

DEFAULT_PASSES = 4
"""How many passes over a face `Initializer` makes at most."""


@dataclass(frozen=True)
class TCDCNConfig:
    """What a set of weights is: its architecture and the crops that it expects.

    Attributes
    ----------
    side : int
        Side of the square grey crop, in pixels.
    view : float
        Side of the crop in units of the side of the face box's square (`crops.frames_from_boxes`).
    widths : tuple of int
        Filters of each convolution.
    kernels : tuple of int
        Side of each convolution's filters; all but the last convolution are followed by 2x2 max pooling.
    feature : int
        Length of the shared feature.
    tasks : tuple of str
        Auxiliary tasks with a head (`tasks.TASKS`), besides the five points.
    shared_filters : bool
        True: ordinary convolutions. False: the locally connected form of the paper's text, whose filters differ
        from place to place.
    own : OwnPoints, optional
        Points that it places instead of the five.
    """

    side: int = 40
    view: float = 1.4
    widths: tuple[int, ...] = (16, 48, 64, 64)
    kernels: tuple[int, ...] = (5, 3, 3, 2)
    feature: int = 100
    tasks: tuple[str, ...] = tuple(TASKS)
    shared_filters: bool = True
    own: OwnPoints | None = None

    def __post_init__(self) -> None:
        check_fields(self)
        check_tasks(self.tasks)
        if len(self.widths) != len(self.kernels) or not self.widths:
            raise ValueError(
                f"{len(self.widths)} widths for {len(self.kernels)} kernels; expected one of each per layer"
            )
        if self.sides()[-1] < 1:
            raise ValueError(
                f"input side {self.side} is too small for kernels {self.kernels}; the layers shrink it to nothing"
            )
        if min((*self.widths, *self.kernels, self.feature)) < 1 or not self.view:
            raise ValueError(
                f"widths {self.widths}, kernels {self.kernels}, feature {self.feature}, view {self.view}; "
                "expected more than 0"
            )
        if max(width * side**2 for width, side in zip(self.widths, self.sides(), strict=True)) > MOST_ACTIVATIONS:
            raise ValueError(f"input side {self.side} with widths {self.widths} needs more than 64 MB for a crop")

    def sides(self) -> list[int]:
        """Side of each convolution's output, before its pooling; the last is what the shared feature sees."""
        sides, side = [], self.side
        for index, kernel in enumerate(self.kernels):
            side = side - kernel + 1
            sides.append(side)
            if index < len(self.kernels) - 1:
                side //= 2
        return sides

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of what the network answers."""
        return ("points", *self.tasks)


@dataclass(frozen=True)
class ResidualConfig:
    """The residual relative of the paper's network: the same objective and heads on a deeper, wider trunk.

    Attributes
    ----------
    side, view, feature, tasks, own
        As in `TCDCNConfig`.
    widths : tuple of int
        Filters of each stage; the first works at half the crop's side, each further one at half of the one before.
    blocks : tuple of int
        Residual blocks of each stage.
    refinement : int
        Hidden units of each point's correction by what the first maps show around it (`residual.PointRefinement`); 0:
        no correction.
    """

    side: int = 64
    view: float = 1.5
    widths: tuple[int, ...] = (16, 32, 64, 128)
    blocks: tuple[int, ...] = (1, 2, 2, 2)
    feature: int = 256
    refinement: int = 0
    tasks: tuple[str, ...] = tuple(TASKS)
    own: OwnPoints | None = None

    def __post_init__(self) -> None:
        check_fields(self)
        check_tasks(self.tasks)
        if len(self.widths) != len(self.blocks) or not self.widths or min(self.blocks) < 1:
            raise ValueError(
                f"widths {self.widths} and blocks {self.blocks}; expected one of each per stage, 1 or more"
            )
        if self.refinement < 0 or (self.refinement and len(self.widths) < 2):
            raise ValueError(
                f"refinement is {self.refinement} on {len(self.widths)} stages; expected 0, or at least two stages"
            )
        if self.side % 2 ** len(self.widths):
            raise ValueError(f"input side {self.side} cannot be halved {len(self.widths)} times, once a stage")
        if min((*self.widths, self.side, self.feature)) < 1 or not self.view:
            raise ValueError(
                f"side {self.side}, widths {self.widths}, feature {self.feature}, view {self.view}; "
                "expected more than 0"
            )
        if max(width * (self.side >> stage + 1) ** 2 for stage, width in enumerate(self.widths)) > MOST_ACTIVATIONS:
            raise ValueError(f"input side {self.side} with widths {self.widths} needs more than 64 MB for a crop")

    @property
    def last_side(self) -> int:
        """Side of the maps that the shared feature sees."""
        return self.side // int(2 ** len(self.widths))

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of what the network answers: also each point's expected error, and whether there is a face."""
        return ("points", *self.tasks, "expected_error", "face")


NetworkConfig: TypeAlias = TCDCNConfig | ResidualConfig
"""One network that takes every crop."""

ModelConfig: TypeAlias = NetworkConfig | TwoStageConfig | DenseConfig
"""What a model file may hold."""

_KINDS: dict[str, type[TCDCNConfig] | type[ResidualConfig] | type[TwoStageConfig] | type[DenseConfig]] = {
    "tcdcn": TCDCNConfig,
    "residual": ResidualConfig,
    "two-stage": TwoStageConfig,
    "dense": DenseConfig,
}


def config_to_dict(config: ModelConfig) -> dict[str, Any]:
    """A configuration as its model file states it.

    Examples
    --------
    >>> config_to_dict(ResidualConfig())["network"]
    'residual'
    """
    kind = next(name for name, cls in _KINDS.items() if isinstance(config, cls))
    fields = asdict(config)
    if fields.get("own", ...) is None:  # of the five points nothing needs to be said
        del fields["own"]
    return {"network": kind, **fields}


def config_from_dict(fields: Mapping[str, Any]) -> ModelConfig:
    """The inverse of `config_to_dict`, also after a trip through JSON; without "network" it is the paper's.

    Raises
    ------
    ValueError, TypeError
        If the fields are not those of a network that can be built.
    """
    given = _with_tuples(fields)
    kind = given.pop("network", "tcdcn")
    given.pop("again", None)  # a policy of inference that older files state here; it is `passes.repeat_limits`
    if kind not in _KINDS:
        raise ValueError(f"unknown network {kind!r}; expected {' or '.join(_KINDS)}")
    if given.get("own") is not None:
        from tcdcn_init.network.config.own_points import OwnPoints

        given["own"] = OwnPoints.from_fields(given["own"])
    if kind == "two-stage":
        # Files may also state what every stage is: asked whether there is a face.
        stages = {
            stage: StageConfig(**{k: v for k, v in _with_tuples(given[stage]).items() if k != "face"})
            for stage in ("coarse", "fine")
        }
        given = {**given, **stages}
    return _KINDS[kind](**given)


def crop_sides(config: ModelConfig) -> tuple[int, ...]:
    """Sides of the crops that a model takes: of two stages the coarse one's, then the fine one's.

    Examples
    --------
    >>> crop_sides(TCDCNConfig()), crop_sides(TwoStageConfig())
    ((40,), (64, 80))
    """
    return (config.coarse.side, config.fine.side) if isinstance(config, TwoStageConfig) else (config.side,)


def point_count(config: ModelConfig) -> int:
    """How many points a model places.

    Examples
    --------
    >>> point_count(TCDCNConfig())
    5
    """
    if isinstance(config, DenseConfig):
        return config.points
    return 5 if config.own is None else config.own.count


def output_shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """Shape of each of a model's outputs, for one face.

    Examples
    --------
    >>> output_shapes(ResidualConfig(tasks=("pose",)))
    {'points': (5, 2), 'pose': (5,), 'expected_error': (5,), 'face': (2,)}
    """
    count = point_count(config)
    shapes: dict[str, tuple[int, ...]] = {"points": (count, 2), "face": (2,)}
    shapes |= {"expected_error": (count,), "visible": (count,)}
    shapes |= {task: (len(classes),) for task, classes in TASKS.items()}
    return {name: shapes[name] for name in config.outputs}


def _with_tuples(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields with the tuples that JSON made lists of."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()}
