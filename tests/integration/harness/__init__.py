"""The real servers that the tests run on, each private to the test run."""
