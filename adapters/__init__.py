"""Bridges from five points to the libraries that finish the job; each imports its package when it is used."""
