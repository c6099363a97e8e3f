"""Tests of the whole system. They are a package, so that the system is stopped after the last of them."""
