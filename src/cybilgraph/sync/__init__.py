"""Between sites: differences, feeds, harvests, publishing, loading and verification."""
