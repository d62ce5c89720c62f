"""``make status``: what a stack does and what holds it up, on one screen.

``rows`` and what it uses are pure functions from the API's objects to rows; ``snapshot`` fetches the objects,
``screen`` draws, ``cli`` loops. Works on any cluster: it needs ``kubectl`` and the right to read one namespace.
"""
