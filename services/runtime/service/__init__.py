"""A long-lived service: its life, its cores on the log, the ownership of a session, health and logs."""
