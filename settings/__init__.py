"""From the stack file to typed settings. Creates no resource and makes no network call."""
