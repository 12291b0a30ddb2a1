"""The retry-contract certificate: what a client does when the API refuses, is silent, or makes it wait."""
