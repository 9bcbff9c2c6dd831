"""What the commands of all wings share: options that mean the same everywhere, and errors in one line."""

from __future__ import annotations

import contextlib
import errno
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperArgument, TyperGroup

from tcdcn_init._shared.names import as_text
from tcdcn_init.network.config import BackendName

__all__ = [
    "AfwOption",
    "BackendOption",
    "DetectorOption",
    "HoldOutOption",
    "ImagesOption",
    "JobsOption",
    "LayoutOption",
    "LimitOption",
    "MirrorOption",
    "ModelOption",
    "MtflOption",
    "PassesOption",
    "PlainGroup",
    "SeedOption",
    "TurnedOption",
    "given_command",
    "is_given",
    "one_of",
    "plain_errors",
    "split_names",
]


def one_of(names: Callable[[], Iterable[str]]) -> Callable[[str], list[str]]:
    """What a shell offers for an option of one name, or of several with commas between.

    Parameters
    ----------
    names : callable
        Called when a shell asks, so that a command starts without what knows them.

    Returns
    -------
    callable
        For typer's ``autocompletion``.

    Examples
    --------
    >>> one_of(lambda: ["mean", "oracle", "random-5"])("mean,o")
    ['mean,oracle']
    """

    def offered(incomplete: str) -> list[str]:
        before, comma, last = incomplete.rpartition(",")
        return [f"{before}{comma}{name}" for name in names() if name.startswith(last)]

    return offered


def _models() -> Iterable[str]:
    from tcdcn_init.weights import bundled_models

    return bundled_models()


def _detectors() -> Iterable[str]:
    from tcdcn_init.detection import available_detectors

    return available_detectors()


def _with_own_modules(detector: str) -> str:
    """The same; module:function may then be of the working folder, as for ``python -m``."""
    if ":" in detector and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    return detector


ModelOption = Annotated[
    str, typer.Option(help="Bundled model, or path of a model file.", autocompletion=one_of(_models))
]
BackendOption = Annotated[
    BackendName, typer.Option(help="What runs the network; auto: onnx where the model has a .onnx file.")
]
PassesOption = Annotated[int, typer.Option(min=1, help="Passes over a face at most; 1 never makes a second.")]
DetectorOption = Annotated[
    str,
    typer.Option(
        help="What finds faces: a name, or module:function of your own.",
        autocompletion=one_of(_detectors),
        callback=_with_own_modules,
    ),
]
TurnedOption = Annotated[
    bool | None,
    typer.Option(help="Search copies turned by quarters too; default: where no upright face was found."),
]
MirrorOption = Annotated[bool, typer.Option("--mirror", help="Also on mirror images: more exact, half as fast.")]
LimitOption = Annotated[int | None, typer.Option(help="This many faces of each data set, evenly spread.")]
ImagesOption = Annotated[
    Path | None, typer.Option(help="Folder of the images of data of your own, where they do not lie beside it.")
]
LayoutOption = Annotated[
    str | None,
    typer.Option(help="The five among other points: 'left eye=0+1, right eye=2-5, nose=6, left mouth corner=7, ...'."),
]
HoldOutOption = Annotated[
    str | None, typer.Option(help="Hold faces out together by this column of a CSV file, or by folder.")
]
SeedOption = Annotated[int, typer.Option(help="Of whatever is drawn at random.")]
JobsOption = Annotated[int, typer.Option(help="Processes; the numbers do not depend on it.")]
MtflOption = Annotated[Path | None, typer.Option(help="Folder of MTFL: held-out training faces and AFLW.")]
AfwOption = Annotated[Path | None, typer.Option(help="Folder of AFW.")]


class PlainGroup(TyperGroup):
    """Commands whose errors are told in one line."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        with plain_errors():
            return super().invoke(ctx)


@contextlib.contextmanager
def plain_errors() -> Iterator[None]:
    """Say what a user can mend in one line, without a traceback."""
    try:
        yield
    except BrokenPipeError:  # `... | head`: typer ends quietly
        raise
    except (ValueError, TypeError, OSError, ImportError) as error:
        text = _of_system(error) if isinstance(error, OSError) and error.errno is not None else str(error)
        typer.secho(f"error: {as_text(text)}", fg="red", err=True)
        raise typer.Exit(2) from error
    except KeyboardInterrupt:
        typer.secho("interrupted; what is finished is kept, run the same command again to go on", fg="yellow", err=True)
        raise typer.Exit(130) from None


_REMEDIES = {
    errno.ENOSPC: "make room",
    errno.EDQUOT: "make room",
    errno.EFBIG: "it would be larger than allowed here",
    errno.EACCES: "mend its permissions, or name another place",
    errno.EPERM: "mend its permissions, or name another place",
    errno.EROFS: "name another place",
    errno.EISDIR: "it is a folder; name a file",
    errno.ENOTDIR: "a part of its path is a file",
}


def _of_system(error: OSError) -> str:
    """What the operating system refused, which file, and what to do."""
    if error.errno == errno.ENOENT and error.filename:
        return f"{error.filename} does not exist; check its name"
    parts = [
        error.strerror or str(error),
        str(error.filename) if error.filename else "",
        _REMEDIES.get(error.errno or 0, ""),
    ]
    return ": ".join(filter(None, parts)) + "; what is finished is kept, run the same command again to go on"


def split_names(text: str | None) -> tuple[str, ...] | None:
    """Comma-separated names; "none" is no name at all."""
    if text is None:
        return None
    return () if text.strip() == "none" else tuple(part.strip() for part in text.split(",") if part.strip())


def is_given(context: typer.Context, name: str) -> bool:
    """Whether an option was given on the command line."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def given_command(context: typer.Context) -> str:
    """The command as given, without what changes no number: where its output goes, and over how many processes."""
    words = context.command_path.split()
    for name, value in context.params.items():
        if name in ("out", "jobs") or not is_given(context, name):
            continue
        option = next(p for p in context.command.params if p.name == name)
        flag = [] if isinstance(option, TyperArgument) else [max(option.opts, key=len)]
        if value is True:
            words += flag
            continue
        for each in value if isinstance(value, list | tuple) else [value]:
            words += [*flag, str(each)]
    return shlex.join(["tcdcn-init", *words[1:]])
