"""Parts of the program: names, namespace, database, passwords and outputs of one stack."""
