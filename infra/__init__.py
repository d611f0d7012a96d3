"""What runs around the services: database migrations, server configurations, examples. Data, no code."""
