"""Inner loops of autoregressive sampling on the CPU, compiled by numba, each equal to the torch step it replaces.

Import the modules within functions: numba takes half a second to load.
"""
