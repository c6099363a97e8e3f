"""Tests of the whole system. This file makes a package of them: the system ends with the last of them."""
