"""Tools of others that judge the contract: where they are, how the docs run them, and the clients made with them."""
