"""Tree to readable Python: libcst nodes, formatted with black per route, with the script position of every statement."""

from transpiler.emitter.module import EmittedModule, emit

__all__ = ["EmittedModule", "emit"]
