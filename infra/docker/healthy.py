"""Asks the service of this container whether it is well: exit 0 or 1. For the image's health check."""

import os
import sys
from http.client import HTTPConnection, HTTPException

TIMEOUT_S = 3.0


def is_healthy() -> bool:
    """Whether /health answers 200 in time."""
    connection = HTTPConnection("127.0.0.1", int(os.environ.get("LIVE_RUNNER_HEALTH_PORT", "8080")), timeout=TIMEOUT_S)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


sys.exit(0 if is_healthy() else 1)
