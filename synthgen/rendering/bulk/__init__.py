"""Data sets of any size: what to render (plans), in which files (shards), and where (engines)."""
