"""Wrong: takes a lost answer for a failure and stops. Half of the record is there, and nobody sends the rest."""

from carrot_client import Answer, Client, Verdict
from pick_up import main


class GivesUp(Client):
    def verdict(self, answer: Answer | None) -> Verdict:
        return Verdict.GIVE_UP if answer is None else super().verdict(answer)


if __name__ == "__main__":
    main(GivesUp.from_environment())
