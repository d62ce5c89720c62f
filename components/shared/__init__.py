"""What several components use: labels, pods, volumes, scheduling, image references, quantities."""
