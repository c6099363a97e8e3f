"""`python -m trainer publish RUN OUT`: a run's best model becomes a folder that transcribers load."""


def add_parser(subparsers):
    pass
