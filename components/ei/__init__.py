"""``EiCluster``: the EI nodes, their configuration, their database tables and their Services."""
