"""The NATS and PostgreSQL servers of a home folder, and the processes that run them and the services."""
