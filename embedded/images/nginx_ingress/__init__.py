"""See ``image.py``."""
