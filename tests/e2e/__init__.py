"""Tests of the page. This file makes a package of them: the browser ends with the last of them."""
