"""What Carrot's documents are and do: pure functions over values, with ids and times passed in."""
