"""What the parts of the `tcdcn-init` command share."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import typer


@contextlib.contextmanager
def plain_errors() -> Iterator[None]:
    """Say what a user can mend in one line, without a traceback."""
    try:
        yield
    except (ValueError, TypeError, FileNotFoundError, FileExistsError, ImportError) as error:
        typer.secho(f"error: {error}", fg="red", err=True)
        raise typer.Exit(2) from error
    except KeyboardInterrupt:
        typer.secho("interrupted; what is finished is kept, run the same command again to go on", fg="yellow", err=True)
        raise typer.Exit(130) from None


def split_names(text: str | None) -> tuple[str, ...] | None:
    """Comma-separated names; "none" is no name at all."""
    if text is None:
        return None
    return () if text.strip() == "none" else tuple(part.strip() for part in text.split(",") if part.strip())
