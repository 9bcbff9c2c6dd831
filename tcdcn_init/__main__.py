"""``python -m tcdcn_init``: the command `tcdcn-init`."""

from __future__ import annotations

from tcdcn_init.cli.app import app

if __name__ == "__main__":
    app(prog_name="tcdcn-init")
