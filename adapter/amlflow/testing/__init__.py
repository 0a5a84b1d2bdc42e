"""For authors of plugins: conformance suites, and the smallest tracker that is right."""
