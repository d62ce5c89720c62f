"""Programs for those who work on this repository; nothing here runs with the stack."""
