"""Text in, text out, with the author's file and line for every line of the result.

    expansion = expand("opensips.cfg", "m4 env.m4 -")

include_file and import_file are flattened first, as OpenSIPS does, then the preprocessor runs as a subprocess with a
time limit.
"""

from preprocessors.expansion import Expansion, Origin, PreprocessError, expand

__all__ = ["Expansion", "Origin", "PreprocessError", "expand"]
