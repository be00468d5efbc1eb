"""What holds for every test: how hypothesis searches."""

import os

from hypothesis import settings

# No deadline: on a busy machine a slow example is not a wrong one. In CI the examples are always
# the same, so that a red run is about the change; on a desk they are new each time.
settings.register_profile("desk", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "desk")
