"""The search for good options of `train`: trials of a study, here or shared by workers."""
