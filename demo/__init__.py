"""The bundled model, the demo station and `make up`: everything needed to run without other services."""
