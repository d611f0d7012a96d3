"""The JSON schema of a configuration file, for editors and other programs.

Made of the types and bounds of ``contracts/config.py``. Decimals may be written as text or as bare numbers;
JSON schema has no word for the range of a number in text, so that stands in ``x-decimal`` and in words.
"""

from __future__ import annotations

from typing import Any

import msgspec

from live_runner.contracts.bounds import DecimalRange, bounds_of, structs_of
from live_runner.contracts.config import Config, MarketRules

__all__ = ["json_schema"]


def json_schema(parameters: type[msgspec.Struct] | None = None) -> dict[str, Any]:
    """The schema of configurations, with these parameters of a strategy where they are known."""
    kinds = [Config, MarketRules, *([parameters] if parameters else [])]
    (schema, rules, *own), definitions = msgspec.json.schema_components(kinds, ref_template="#/$defs/{name}")
    definitions["Market"]["properties"]["instruments"]["additionalProperties"] = rules
    if own:
        definitions["StrategyChoice"]["properties"]["parameters"] = own[0]
    sections: set[type[msgspec.Struct]] = {MarketRules, *structs_of(Config)}
    for kind in sections - {Config}:
        _describe(definitions[kind.__name__]["properties"], kind)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "live-runner session",
        **schema,
        "$defs": definitions,
    }


def _describe(properties: dict[str, Any], kind: type[msgspec.Struct]) -> None:
    for name, bounds in bounds_of(kind).items():
        for bound in bounds:
            if isinstance(bound, DecimalRange):
                wanted = bound.schema()
                if "null" in str(properties[name].get("anyOf", "")):
                    wanted["type"] = [*wanted["type"], "null"]
                if "default" in properties[name]:
                    wanted["default"] = properties[name]["default"]
                properties[name] = wanted
