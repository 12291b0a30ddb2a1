"""The mock's own API under `/_mock`, and the pages and documents that it serves beside Carrot's."""
