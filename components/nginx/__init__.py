"""``NginxIngress``: the Ingresses of console and gateway and, optionally, the controller that serves them."""
