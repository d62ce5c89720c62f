"""Read-only questions to cluster and registry before anything is created. Creates no resource."""
