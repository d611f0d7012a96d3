"""Live feeds: a venue through ccxt, from its history to its streams."""
