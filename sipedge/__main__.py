"""`python -m sipedge`."""

import sys

from sipedge.cli.program import main

if __name__ == "__main__":
    sys.exit(main())
