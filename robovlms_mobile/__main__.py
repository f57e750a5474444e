"""`python -m robovlms_mobile` and `torchrun -m robovlms_mobile`: the same as `robovlms-mobile`."""

import sys

from robovlms_mobile.cli import main

if __name__ == "__main__":
    sys.exit(main())
