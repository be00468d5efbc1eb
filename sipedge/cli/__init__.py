"""The commands of sipedge; `program.py` puts them together."""
