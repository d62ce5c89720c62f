"""The Kubernetes versions that are supported, stated here and nowhere else."""

OLDEST = "1.29"
"""The oldest that F5 tests its NGINX Ingress Controller 5.5 on (technical specifications, 5.5.x)."""
NEWEST = "1.36"
"""The newest that F5 tests it on."""
