"""Management: JSON-RPC 2.0 commands and the transports that carry them."""
