"""What a long training needs beside its loop: checkpoints, a log, processes."""
