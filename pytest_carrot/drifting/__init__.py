"""Where an API differs from what the mock assumes: probes, the values of switches that fit, and the report."""
