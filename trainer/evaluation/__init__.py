"""How well a model writes, for whom, how sure that is, and whether its recipe is broken."""
