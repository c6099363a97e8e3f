"""The bundled model, the synthetic station, and `make up`: what runs when there is nothing else."""
