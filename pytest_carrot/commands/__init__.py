"""Commands of `carrot-mock` about clients: each module has one, loaded when it is called."""
