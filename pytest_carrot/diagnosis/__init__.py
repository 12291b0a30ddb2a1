"""What a journal and a ledger tell of the client that filled them: mistakes that no answer told it of."""
