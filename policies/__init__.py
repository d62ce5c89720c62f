"""Promises about Kubernetes objects that a user's settings, patches and files could break, as rules that can fail.

``rules`` holds the table, and ``check`` runs it on the objects of a stack; ``__main__`` is the same table as a Pulumi
policy pack. The rules depend on finished objects only, not on the program, its settings or a cluster. What no setting
can break is a test of the builders instead (tests/unit/support/builder_rules.py).
"""
