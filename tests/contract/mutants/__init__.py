"""Trackers that break the contract, a sentence each: tests of the suites must tell them."""
