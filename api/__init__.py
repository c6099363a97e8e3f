"""The API: captions to people and programs, over HTTP and WebSockets.

`app` lists the routes; each module beside it serves one topic. Its packages, from the top layer down; each imports only
from those below it:

openai        OpenAI's transcriptions and Realtime API
microphones   audio in, its captions back on the same WebSocket
live          captions as they are made, for any number of viewers
http          access checks, parameters, errors, sockets; on the same layer
archive       captions of past days in SQLite, and their search; on the same layer
text          captions as cues, files and playlists
"""
