"""The web application: pages, the API, the checker and the server."""
