"""The parts of the parser: LALR tables, the machine that runs them, recovery from errors, the tree, older dialects."""
