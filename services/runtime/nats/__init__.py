"""The log: NATS JetStream behind `bus.py`, with its publisher, its readers and its object store."""
