"""Wrong: keeps its first token for ever, and takes the 401 after that token's end for a refusal."""

from carrot_client import Answer, Client, Verdict
from pick_up import main


class KeepsToken(Client):
    def verdict(self, answer: Answer | None) -> Verdict:
        found = super().verdict(answer)
        return Verdict.GIVE_UP if found is Verdict.NEW_TOKEN else found


if __name__ == "__main__":
    main(KeepsToken.from_environment())
