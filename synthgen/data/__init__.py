"""Data sets, the layout they share, and builders that write it."""
