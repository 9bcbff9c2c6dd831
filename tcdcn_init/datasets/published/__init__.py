"""Published data sets, each read as its authors give it out."""
