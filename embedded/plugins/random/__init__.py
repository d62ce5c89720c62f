"""Stand-in for pulumi-resource-random 4.21: passwords and bytes, the rest refused by name."""
