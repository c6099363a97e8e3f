"""How many viewers one API process serves, and how late its captions reach them."""
