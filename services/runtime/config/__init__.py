"""Settings of a process and the configuration of a session."""
