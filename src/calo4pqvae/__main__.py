"""Run the command line as ``python -m calo4pqvae``."""

import sys

from calo4pqvae.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
