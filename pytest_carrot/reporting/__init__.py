"""Reports for machines and browsers, whatever was checked: JUnit XML and a self-contained page."""
