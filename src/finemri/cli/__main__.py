"""``python -m finemri.cli``, which torchrun wants."""

import sys

from finemri.cli import main

sys.exit(main())
