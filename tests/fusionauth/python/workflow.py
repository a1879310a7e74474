"""Complete workflows: every step that an app's backend takes through the client, and what ends by each. The program of the same
name for Node makes the same checks."""

import workflow_changes
import workflow_endings
import workflow_logins
import workflow_tokens
from world import World


def main():
    world = World()
    workflow_logins.run(world)
    workflow_tokens.run(world)
    workflow_endings.run(world)
    workflow_changes.run(world)
