"""What the project promises about every Kubernetes object, as rules that can fail.

``rules`` holds the table, and ``check`` runs it on the objects of a stack; ``__main__`` is the same table as a Pulumi
policy pack. Nothing here knows the program, its settings or the cluster: only finished objects.
"""
