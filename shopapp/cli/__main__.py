"""`python -m shopapp.cli`: the same as the `shopapp` command."""

import sys

from shopapp.cli import main

sys.exit(main())
