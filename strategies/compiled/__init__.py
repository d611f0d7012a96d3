"""Compiled twins of strategies: the same intents, faster. docs/compiled_strategies.md shows how to write one."""
