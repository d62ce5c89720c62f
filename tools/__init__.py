"""Programs beside the stack: checks of a file of ``pulumi preview --json``, and what records states.

Nothing here runs with the stack, or knows how a preview was made.
"""
