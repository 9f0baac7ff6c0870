"""The server: ASGI application, lifecycle, access log and metrics."""
