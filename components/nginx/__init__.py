"""``NginxIngress``: the Ingress objects of console and gateway, and optionally the controller that serves them."""
