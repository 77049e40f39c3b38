"""``python -m homespun.cli``, where the command itself is not on the path."""

import sys

from homespun.cli import main

sys.exit(main())
