"""The trainer: turns a corpus into a published Whisper checkpoint.

Its packages, from the top layer down; each imports only from those below it:

commands      the subcommands of `python -m trainer`
tuning        hyperparameter search over the options of `train`
training      sampling, tokenization, the training step and loop
publishing    exports a run's best checkpoint as a model folder
reports       HTML reports of a corpus, a run, an evaluation
evaluation    error rates, and the alarm for broken training recipes
models        checkpoints, tokenizers, features, precision, device; on the same layer
augmentation  noise, codecs, rooms and other effects on audio
corpus        recordings with their transcripts, prepared for training

The modules beside these packages are used by all of them.
"""
