"""Stand-ins for the provider plugins that a machine without downloads cannot have.

A plugin process starts by importing this package: keep it empty.
"""
