"""The project: settings, addresses, templates' environment and the embedded database."""
