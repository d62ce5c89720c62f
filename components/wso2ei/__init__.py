"""What is WSO2's alone, as pure functions and data: versions, patches of the configuration, membership."""
