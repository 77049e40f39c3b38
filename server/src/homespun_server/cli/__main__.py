"""``python -m homespun_server.cli`` is the command."""

import sys

from homespun_server.cli import main

sys.exit(main())
