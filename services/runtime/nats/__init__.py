"""The log: NATS JetStream behind `bus.py`, with its publisher, its readers and its object store.

The client is nats-py. It imports aiohttp, which only its WebSocket transport needs and which is here because ccxt
brings it: 95 ms of processor time and 11 MiB at every start of a service (`import nats` 159-164 ms and 36.9 MiB,
without aiohttp 64-69 ms and 26.1 MiB). So aiohttp is kept out while nats-py is imported, and
`connection.py` gives it to nats-py when an address is one of a WebSocket.
"""

from __future__ import annotations

import sys

if "aiohttp" not in sys.modules:
    sys.modules["aiohttp"] = None  # type: ignore[assignment]  # what makes an import of it fail, as nats-py allows for
    try:
        import nats.aio.client  # noqa: F401  # for what its import leaves in sys.modules
    finally:
        del sys.modules["aiohttp"]
