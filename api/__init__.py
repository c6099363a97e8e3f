"""The API: captions to people and programs, over HTTP and WebSockets."""
