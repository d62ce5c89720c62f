"""Programs beside the stack: what a team's own checks use on a file of ``pulumi preview --json``, and what records states.

Nothing here runs with the stack, or knows how a preview was made.
"""
