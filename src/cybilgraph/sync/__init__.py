"""Exchange between sites: differences, feeds, harvesting, publishing, loading and verification."""
