"""What people read: one module per kind of page."""
