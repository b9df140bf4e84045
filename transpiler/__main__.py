"""`python -m transpiler` is `sipc`."""

from transpiler.cli import main

raise SystemExit(main())
