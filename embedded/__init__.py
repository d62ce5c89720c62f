"""The bare-machine kit: supplies a PATH, a KUBECONFIG and images to a machine that has none.

It never imports the product (``settings/``, ``components/``, ``__main__.py`` and so on), and the product
never imports or mentions it; they meet in the Makefile and in ``tests/e2e``.
"""
