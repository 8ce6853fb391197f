"""Why an agent gives up.

AgentError              it ends with this message and exit code 1
├── NodeNameTaken       another machine is this node
├── WrongCluster        its state directory belongs to another cluster
└── AlreadyRunning      another agent uses its state directory
"""


class AgentError(Exception):
    """The agent cannot go on; the message says what to change."""


class NodeNameTaken(AgentError):
    """Another machine has registered under this agent's node name."""


class WrongCluster(AgentError):
    """The node has run pods of another cluster, whose containers would be left behind."""


class AlreadyRunning(AgentError):
    """The state directory is in use."""
