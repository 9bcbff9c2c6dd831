"""The `tcdcn-init` command: every wing's commands, found by entry points as the regressors are.

A package adds commands of its own by a `typer.Typer` under the group that this project's wings use themselves::

    [project.entry-points."tcdcn_init.commands"]
    mine = "my_package.commands:commands"
"""

from __future__ import annotations

import logging
from importlib.metadata import entry_points
from typing import Annotated

import typer

from tcdcn_init._shared.commands import PlainGroup

__all__ = ["ENTRY_POINT_GROUP", "app"]

ENTRY_POINT_GROUP = "tcdcn_init.commands"
"""Each entry point of this group names a `typer.Typer`."""

app = typer.Typer(
    name="tcdcn-init",
    cls=PlainGroup,
    help="Five facial points from TCDCN that start a cascaded shape regressor right.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from tcdcn_init import __version__

        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def main(
    quiet: Annotated[bool, typer.Option("--quiet", help="Only warnings and errors.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """Five facial points from TCDCN that start a cascaded shape regressor right."""
    logger = logging.getLogger("tcdcn_init")
    logger.setLevel(logging.WARNING if quiet else logging.INFO)
    if not logger.handlers:  # whoever calls from a program of their own has chosen theirs
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        logger.addHandler(handler)


# Sorted by module: the package's own first, adapters, eval, then those of others.
for _offer in sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda offer: offer.value):
    try:
        app.add_typer(_offer.load())
    except (ImportError, AttributeError) as error:  # one broken plug-in does not take the others with it
        typer.secho(f"commands {_offer.name!r} ({_offer.value}) cannot be loaded: {error}", fg="yellow", err=True)
