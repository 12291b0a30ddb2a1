"""The correct client: tries again as documented, and always with the same key.

carrot-mock sweep -- python docs/examples/sweep/right.py
"""

from carrot_client import Client
from pick_up import main

if __name__ == "__main__":
    main(Client.from_environment())
