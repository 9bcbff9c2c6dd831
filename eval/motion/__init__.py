"""Video: synthetic motion of real faces, what a tracker makes of it, and how still points keep."""
