"""The cascaded CNN of Sun, Wang, Tang (CVPR 2013), the paper's baseline, beside TCDCN."""
