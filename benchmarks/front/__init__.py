"""The questions about the front: HTTP servers side by side, one module per question."""
