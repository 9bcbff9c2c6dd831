"""What all reports share: cases, copies of faces, the regressors' fits, long runs, hardware, Markdown."""
