"""Every image that is imitated, in one list.

The references are those of the real images, so that a stack file is the same with stand-ins.
"""

from __future__ import annotations

from embedded.images.coredns.image import IMAGES as COREDNS
from embedded.images.mysql.image import IMAGES as MYSQL
from embedded.images.nginx_ingress.image import IMAGES as NGINX_INGRESS
from embedded.images.pause.image import IMAGES as PAUSE
from embedded.images.python.image import IMAGES as PYTHON
from embedded.images.rclone.image import IMAGES as RCLONE
from embedded.images.spec import Image
from embedded.images.wso2ei.image import IMAGES as WSO2EI
from embedded.images.wso2ei_orders.image import IMAGES as ORDERS


def images() -> list[Image]:
    """Return all images, the small ones that every pod needs first."""
    return [*PAUSE, *COREDNS, *PYTHON, *MYSQL, *NGINX_INGRESS, *WSO2EI, *ORDERS, *RCLONE]
