"""The command `tcdcn-init`."""
