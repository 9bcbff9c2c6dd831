"""The robust initialization of the TCDCN paper where it was made for: RCPR on 29 points, some of them hidden."""
