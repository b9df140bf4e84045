"""Script text to Python module: grammar, tree, checks, emission, positions, command line."""
