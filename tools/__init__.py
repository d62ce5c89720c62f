"""Commands for users and pipelines: check a preview, store credentials, write the settings page, record states.

Nothing here runs as part of a stack, or depends on how a preview was made.
"""
