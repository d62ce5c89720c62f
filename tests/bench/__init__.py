"""``make bench``: speed and cost of the program and of the running stack, side by side in one run, as ratios.

One module for a group of rows; ``__main__`` runs the chosen ones and writes ``docs/benchmarks.md``. Nothing here
passes or fails.
"""
