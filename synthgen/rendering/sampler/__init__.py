"""Instruments for samplers: notes of a model as samples, zones, loops, and the files that samplers read."""
