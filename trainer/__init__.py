"""The trainer: a corpus in, a published Whisper checkpoint out.

Its rooms, from the roof down; each knows those below it alone:

commands      what can be asked on the command line
tuning        the search for good options of `train`
training      what is drawn, how it is spelt, what a step does
publishing    a run's best checkpoint becomes a folder for everyone
reports       pages of a corpus, a run, an evaluation
evaluation    how well a model writes, and whether its recipe is broken
models        Whispers, tokenizers, features, precision, device; beside them
augmentation  what a voice suffers on its way to a listener
corpus        recordings and what is said in them

What lies beside the rooms is used by all of them.
"""
