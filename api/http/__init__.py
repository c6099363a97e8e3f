"""What every route needs of HTTP: access checks, parameters, errors, WebSockets and server-sent events."""
