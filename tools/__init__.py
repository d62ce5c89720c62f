"""What a team's own checks can use: programs over a file of ``pulumi preview --json``, and the comment made of them.

They know neither the program nor how the preview was made.
"""
