"""Stand-in for ``pulumi-resource-kubernetes`` 4.x: covers what this program uses and refuses the rest by name.

``embedded.plugins.kubernetes.server`` is the process that the engine starts.
"""
