"""What a voice suffers on its way to a listener, and sound in which nobody speaks."""
