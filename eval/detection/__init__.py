"""How many faces are found, how many of what is found are none, and how long it takes: `tcdcn-init detection`."""
