"""What the program wires up: the database, passwords, and outputs of one stack."""
