"""Imported before anything else by the agent's program, to keep it small.

structlog imports rich for a developer's console when rich is installed, as it is for Knarr's command line:
5 MiB that an agent, which writes plain lines, would carry on every node.
"""

import sys

if "rich" not in sys.modules:
    sys.modules["rich"] = None  # type: ignore[assignment]  # an import of it fails, as if it were not there
